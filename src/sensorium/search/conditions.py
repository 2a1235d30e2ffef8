"""Conditions on cells, such as ``price < 50``: SQL that can read cells and nothing else.

SQLite weighs them, over a table ``cells``: whatever keeps the rows, a condition means the same.
"""

import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from jaxtyping import Int64

from sensorium.core.errors import TableError, nearest

Ids = Int64[np.ndarray, " _"]
Lines = Iterable[tuple[Any, ...]]

NUMBER = "sensorium row"
"""The column of a row's number; no table has one of that name."""
ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION}
FAULTS = (sqlite3.Error, sqlite3.Warning, ValueError)
"""What SQLite and its driver raise at a condition that they cannot read."""


def make_cells(base: sqlite3.Connection, columns: Sequence[str]) -> None:
    """Make the table ``cells``: a row's number and its cells."""
    names = "".join(f", {quoted(name)}" for name in columns)
    base.execute(f"CREATE TABLE cells ({quoted(NUMBER)} INTEGER PRIMARY KEY{names})")


def holding(
    base: sqlite3.Connection,
    columns: Sequence[str],
    condition: str,
    read: set[str] | None = None,
) -> Ids:
    """Find the rows of ``cells`` for which a condition holds.

    Args:
        base: holds the table.
        columns: its columns, without the number.
        condition: an SQL expression over the columns (sqlite.org/lang_expr.html); it can read
            cells and nothing else.
        read: receives the names of the columns that the condition reads.

    Returns:
        Their ids, rising.

    Errors:
        TableError: the condition is empty or no whole expression, or names a column that there
            is not.
    """
    if not condition.strip():
        msg = "the condition is empty; write one, such as price < 50, or leave it out"
        raise TableError(msg)
    _check_quoted(condition, columns)
    _check_alone(condition, columns)

    def may(action: int, table: str | None, column: str | None, *_: Any) -> int:
        reads = action == sqlite3.SQLITE_READ
        if action not in ALLOWED or (reads and table != "cells"):
            return sqlite3.SQLITE_DENY
        if reads and read is not None and column in columns:
            read.add(str(column))
        return sqlite3.SQLITE_OK

    base.set_authorizer(may)
    number = quoted(NUMBER)
    try:
        found = base.execute(
            f"SELECT {number} FROM cells WHERE ({condition}\n) ORDER BY 1"  # noqa: S608
        ).fetchall()
    except FAULTS as error:
        raise _unusable(condition, columns, error) from error
    finally:
        base.set_authorizer(None)
    return np.array([one for (one,) in found], np.int64)


class Mirror:
    """The cells that conditions have read so far, of rows that lie elsewhere.

    They are kept in a temporary file of SQLite, and only the columns that conditions name.

    Args:
        columns: all columns that there are.
        cells: gives the ids of all rows and their cells of some columns.
    """

    def __init__(self, columns: Sequence[str], cells: Callable[[Sequence[str]], Lines]) -> None:
        self._columns = columns
        self._cells = cells
        self._known: set[str] | None = None
        self._base = sqlite3.connect("", isolation_level=None)
        make_cells(self._base, columns)

    def where(self, condition: str) -> Ids:
        """Find the rows for which a condition holds; see ``holding``."""
        read: set[str] = set()
        found = holding(self._base, self._columns, condition, read)
        if self._known is not None and read <= self._known:
            return found
        self._fill(read | (self._known or set()))
        return holding(self._base, self._columns, condition)

    def close(self) -> None:
        """Let go of the temporary file."""
        self._base.close()

    def _fill(self, known: set[str]) -> None:
        names = sorted(known)
        self._known = None
        into = ", ".join(map(quoted, [NUMBER, *names]))
        holes = ", ".join("?" * (len(names) + 1))
        statement = f"INSERT INTO cells ({into}) VALUES ({holes})"  # noqa: S608
        with self._base:  # all or none
            self._base.execute("BEGIN")
            self._base.execute("DELETE FROM cells")
            self._base.executemany(statement, self._cells(names))
        self._known = known


def _check_quoted(condition: str, columns: Sequence[str]) -> None:
    """Refuse quoted names that are no columns: SQLite would take them for texts."""
    known = {_folded(name) for name in (*columns, "cells")}
    for part in re.findall(r"""'(?:[^']|'')*'|"(?:[^"]|"")*\"""", condition):
        name = part[1:-1].replace('""', '"')
        if part[0] == '"' and _folded(name) not in known:
            msg = f"the condition {condition!r} cannot be used: no such column: {name}"
            raise TableError(msg + nearest(name, columns))


def _check_alone(condition: str, columns: Sequence[str]) -> None:
    """Refuse what is no expression when it stands alone: it would close brackets around it.

    It is compiled, and not run, over a table without ``rowid``: rows have no names but columns.
    """
    names = ", ".join(map(quoted, columns))
    key = quoted(columns[0])
    with closing(sqlite3.connect(":memory:")) as bare:
        bare.execute(f"CREATE TABLE cells ({names}, PRIMARY KEY ({key})) WITHOUT ROWID")
        try:
            bare.execute(f"EXPLAIN SELECT 1 FROM cells WHERE {condition}\n")  # noqa: S608
        except FAULTS as error:
            raise _unusable(condition, columns, error) from error


def _unusable(condition: str, columns: Sequence[str], error: Exception) -> TableError:
    said = str(error)
    lost = said.removeprefix("no such column: ")
    hint = nearest(lost, columns) if lost != said else ""
    return TableError(f"the condition {condition!r} cannot be used: {said}{hint}")


def _folded(name: str) -> str:
    """Fold case as SQLite does: of ASCII letters only."""
    return "".join(sign.lower() if sign.isascii() else sign for sign in name)


def quoted(name: str) -> str:
    """Write a column's name so that SQL takes it as one."""
    return '"' + name.replace('"', '""') + '"'
