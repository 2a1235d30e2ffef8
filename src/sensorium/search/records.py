"""What is known of each row: its key, its cells, its words, and where its vector lies. SQLite.

One transaction is the commit point of the whole index: a vector counts when the record that
names its place is committed. The words are kept by trigrams, which serve Chinese too.
"""

import datetime as dt
import json
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from sensorium.core.errors import ArtifactError
from sensorium.search.conditions import NUMBER, holding, make_cells, quoted
from sensorium.search.spoken import asked

Ids = Int64[np.ndarray, " _"]

PATIENCE = 60.0
"""So long a change waits for another process to finish its own, seconds."""
TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE records (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE NOT NULL, place INTEGER UNIQUE
);
CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = 'trigram');
"""


class Records:
    """The records of an index.

    Args:
        file: the SQLite file; it must exist, see ``create``.

    Errors:
        ArtifactError: the file is not one of ours, or was changed.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._base = sqlite3.connect(file, isolation_level=None, timeout=PATIENCE)
        self._base.execute("PRAGMA cache_spill = OFF")  # others can read until a change commits
        self._version = -1
        try:
            self.facts = self._read_facts()
        except sqlite3.DatabaseError as error:
            if "locked" in str(error):
                msg = f"{file} is being written by another process; try again when it is done"
                raise ArtifactError(msg) from error
            msg = f"{file} is not the records of an index ({error}); make the index anew"
            raise ArtifactError(msg) from error

    @classmethod
    def create(cls, file: Path, columns: Sequence[str], facts: Mapping[str, Any]) -> "Records":
        """Make an empty file for rows of these columns."""
        base = sqlite3.connect(file)
        base.executescript(TABLES)
        make_cells(base, columns)
        base.executemany(
            "INSERT INTO facts VALUES (?, ?)",
            [(name, json.dumps(value)) for name, value in facts.items()],
        )
        base.commit()
        base.close()
        return cls(file)

    def changed_elsewhere(self) -> bool:
        """Tell whether another process has written since this was asked last; read what it did."""
        version = int(self._base.execute("PRAGMA data_version").fetchone()[0])
        changed, self._version = version != self._version, version
        if changed:
            self.facts = self._read_facts()
        return changed

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()

    def _read_facts(self) -> dict[str, Any]:
        found = self._base.execute("SELECT name, value FROM facts").fetchall()
        return {name: json.loads(value) for name, value in found}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns whose cells are kept."""
        found = self._base.execute("SELECT name FROM pragma_table_info('cells')").fetchall()
        return tuple(name for (name,) in found if name != NUMBER)

    def __len__(self) -> int:
        return int(self._base.execute("SELECT count(*) FROM records").fetchone()[0])

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Change records: all that is done inside counts, or nothing does. One writer at a time."""
        self._base.execute("BEGIN IMMEDIATE")
        try:
            self.facts = self._read_facts()  # another process may have written since
            yield
        except BaseException:
            self._base.execute("ROLLBACK")
            self.facts = self._read_facts()
            raise
        self._base.execute("COMMIT")

    def note(self, facts: Mapping[str, Any]) -> None:
        """Change facts, within ``changing``."""
        for name, value in facts.items():
            self._base.execute("REPLACE INTO facts VALUES (?, ?)", (name, json.dumps(value)))
        self.facts |= facts

    def add(self, lines: Iterable[tuple[str, int | None, Sequence[Any], str]]) -> None:
        """Add rows, within ``changing``: key, place of the vector, cells, words."""
        holes = ", ".join("?" * (len(self.columns) + 1))
        for key, place, cells, words in lines:
            made = self._base.execute(
                "INSERT INTO records (key, place) VALUES (?, ?)", (key, place)
            )
            values = (made.lastrowid, *map(kept, cells))
            self._base.execute(f"INSERT INTO cells VALUES ({holes})", values)  # noqa: S608
            self._base.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (values[0], words))

    def move(self, places: Mapping[int, int]) -> None:
        """Give vectors new places, within ``changing``: old to new, none greater than its old."""
        pairs = [(places[old], old) for old in sorted(places)]
        self._base.executemany("UPDATE records SET place = ? WHERE place = ?", pairs)

    def remove(self, ids: Sequence[int]) -> None:
        """Forget rows, within ``changing``."""
        for table, column in (("records", "id"), ("cells", quoted(NUMBER)), ("words", "rowid")):
            statement = f"DELETE FROM {table} WHERE {column} = ?"  # noqa: S608
            self._base.executemany(statement, [(one,) for one in ids])

    def ids_of(self, keys: Iterable[str]) -> dict[str, int]:
        """Find the rows of some keys; keys that no row has are left out."""
        found: dict[str, int] = {}
        for key in keys:
            row = self._base.execute("SELECT id FROM records WHERE key = ?", (key,)).fetchone()
            found |= {key: int(row[0])} if row else {}
        return found

    def count_placed(self, least: int = 0) -> int:
        """Count the rows that have a vector, at this place or behind it."""
        statement = "SELECT count(*) FROM records WHERE place >= ?"
        return int(self._base.execute(statement, (least,)).fetchone()[0])

    def places(self) -> tuple[Ids, Ids]:
        """Give the ids of the rows that have a vector, and its place; by rising place."""
        statement = "SELECT id, place FROM records WHERE place IS NOT NULL ORDER BY place"
        found = np.array(self._base.execute(statement).fetchall(), np.int64).reshape(-1, 2)
        return found[:, 0], found[:, 1]

    def where(self, condition: str) -> Ids:
        """Find the rows for which a condition on the cells holds; see ``conditions.holding``."""
        return holding(self._base, self.columns, condition)

    def speaking(self, words: str, most: int) -> list[int]:
        """Find the rows whose texts hold some of the words; see ``Store.speaking``."""
        what = asked(words)
        found: dict[int, None] = {}
        if what.long:
            together = " OR ".join(f'"{part}"' for part in what.long)
            statement = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank, rowid LIMIT ?"
            rows = self._base.execute(statement, (together, most))
            found |= dict.fromkeys(one for (one,) in rows)
        for part in what.short:
            statement = "SELECT rowid FROM words WHERE instr(lower(text), lower(?)) LIMIT ?"
            found |= dict.fromkeys(one for (one,) in self._base.execute(statement, (part, most)))
        return list(found)[:most]

    def rows(self, ids: Iterable[int]) -> dict[int, tuple[str, dict[str, Any]]]:
        """Give the key and the cells of some rows, by id; rows that are gone are left out."""
        names = self.columns
        both = f"records JOIN cells ON cells.{quoted(NUMBER)} = records.id"
        statement = f"SELECT records.key, cells.* FROM {both} WHERE records.id = ?"  # noqa: S608
        found = {}
        for one in ids:
            for key, _, *cells in self._base.execute(statement, (one,)):
                found[one] = key, dict(zip(names, cells, strict=True))
        return found


def kept(cell: Any) -> Any:
    """Turn a cell into what SQLite can hold: numbers, text, bytes; None for arrays and pictures.

    Lists and dicts become JSON text.
    """
    if isinstance(cell, np.generic):
        cell = cell.item()
    if isinstance(cell, int) and not -(2**63) <= cell < 2**63:
        return str(cell)
    if cell is None or isinstance(cell, str | bytes | int | float):
        return None if isinstance(cell, float) and np.isnan(cell) else cell
    if isinstance(cell, dt.date | dt.time):
        return cell.isoformat()
    if isinstance(cell, list | tuple | dict):
        try:
            return json.dumps(cell, ensure_ascii=False)
        except TypeError:
            return None
    return str(cell) if isinstance(cell, Path | dt.timedelta | uuid.UUID | Decimal) else None
