"""What names the rows of an index, and what is said in them."""

from collections.abc import Sequence
from typing import Any

from sensorium.core.errors import TableError, all_at_once, nearest
from sensorium.core.faults import Ledger
from sensorium.core.schema import Schema
from sensorium.data.sample import is_missing
from sensorium.data.table import Table
from sensorium.preprocess import Preprocess
from sensorium.search.conditions import NUMBER


def keys_of(table: Table, key: str) -> list[str]:
    """Name the rows of a table.

    Args:
        table: the rows.
        key: the column that names them.

    Errors:
        TableError: keys that are missing or twice; it names them all.
    """
    cells = table.with_schema(None).cells(key)
    keys = ["" if is_missing(cell) else str(cell) for cell in cells]
    first_of: dict[str, int] = {}
    faults = []
    for number, name in zip(table.row_ids, keys, strict=True):
        if not name:
            faults.append(f"row {number}: no key")
        elif name in first_of:
            faults.append(f"row {number}: the key {name!r} of row {first_of[name]} again")
        first_of.setdefault(name, number)
    if faults:
        raise TableError(all_at_once(f"{key!r} does not name the rows:", faults))
    return keys


def cells_of(prep: Preprocess, table: Table, name: str) -> list[Any]:
    """Give the cells of a column as conditions compare them: numbers as numbers, however written.

    A cell that is not the number that it should be stays as it is.
    """
    cells = table.cells(name)
    if name not in prep.steps or prep.steps[name].kind not in {"number", "flag"}:
        return cells
    clean = [prep.read_cell(name, cell, row, Ledger()) for row, cell in enumerate(cells)]
    return [raw if cell is None else cell for raw, cell in zip(cells, clean, strict=True)]


def words_of(schema: Schema, names: Sequence[str], cells: Sequence[Any]) -> str:
    """Join the texts of a row: texts, categories, and strings of columns outside the schema."""
    fields = schema.fields
    said = [
        cell
        for name, cell in zip(names, cells, strict=True)
        if isinstance(cell, str)
        and (name not in fields or fields[name].kind in {"text", "category"})
    ]
    return "\n".join(said)


def check_names(columns: Sequence[str], key: str | None) -> None:
    """Refuse tables whose columns SQL could not tell apart.

    Errors:
        TableError: no column of the key's name, or names that differ only in case.
    """
    if key is not None and key not in columns:
        msg = f"the table has no column {key!r}{nearest(key, columns)} to name its rows"
        raise TableError(msg)
    if NUMBER in map(str.lower, columns):
        msg = f"the index keeps a column {NUMBER!r} of its own; rename the table's"
        raise TableError(msg)
    seen: dict[str, str] = {}
    twice = []
    for name in columns:
        if name.lower() in seen:
            twice.append(f"{seen[name.lower()]!r} and {name!r}")
        seen.setdefault(name.lower(), name)
    if twice:
        title = "Conditions do not tell apart columns that differ only in case; rename one of:"
        raise TableError(all_at_once(title, twice))
