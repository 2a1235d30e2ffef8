"""Rows and columns that are already Python objects: a list of dicts, a dict of lists."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sensorium.core.errors import TableError, all_at_once
from sensorium.core.faults import no_rows
from sensorium.data.column import Store, store
from sensorium.data.table import Table


def from_rows(rows: Sequence[Any], folder: Path | None = None, name: str = "the table") -> Table:
    """Read a list of dicts; a key that a row lacks is a missing cell.

    Args:
        rows: the rows.
        folder: where relative file names start.
        name: what the table is called in errors.

    Errors:
        TableError: no rows, or rows that are not dicts, all of them named.
    """
    if not rows:
        msg = f"{name} is empty: it has no rows"
        raise TableError(msg)
    if ledger := no_rows(rows):
        msg = f"{name} cannot be read:\n{ledger.message()}"
        raise TableError(msg, list(ledger))
    columns = dict.fromkeys(str(column) for row in rows for column in row)
    if not columns:
        msg = f"{name} is empty: its rows have no columns"
        raise TableError(msg)
    cells = {column: store([row.get(column) for row in rows]) for column in columns}
    return Table(cells, folder=folder)


def from_columns(columns: Mapping[Any, Any], folder: Path | None = None) -> Table:
    """Read a dict of lists or arrays, one a column; an array's first axis are the rows.

    Errors:
        TableError: no columns, no rows, or columns of different lengths.
    """
    stored: dict[str, Store] = {}
    faults = []
    for name, cells in columns.items():
        if isinstance(cells, str | bytes | Mapping) or not hasattr(cells, "__len__"):
            faults.append(f"column {name!r} is a {type(cells).__name__}, not a list of cells")
        else:
            flat = getattr(cells, "ndim", 1) == 1 and hasattr(cells, "tolist")
            stored[str(name)] = store(cells.tolist() if flat else list(cells))
    if faults:
        raise TableError(all_at_once("The columns cannot be read:", faults))
    if not stored or not any(map(len, stored.values())):
        msg = "the table is empty: it has no rows"
        raise TableError(msg)
    return Table(stored, folder=folder)
