"""Columns whose cells are lists: told by a look at them, and made a row an item."""

from collections.abc import Iterable

from sensorium.data.sample import is_missing
from sensorium.data.table import Table, listed

LOOKED_AT = 200
"""Cells of a column by which it is told whether they are lists."""


def is_lists(table: Table, name: str) -> bool:
    """Tell whether the cells of a column are lists of texts, or JSON that holds such lists."""
    cells = [listed(cell) for cell in table.slice(0, LOOKED_AT).with_schema(None).cells(name)]
    known = [cell for cell in cells if not is_missing(cell) and cell is not None]
    texts = [c for c in known if isinstance(c, list | tuple) and all(isinstance(i, str) for i in c)]
    return bool(known) and len(texts) == len(known)


def exploded(table: Table, names: Iterable[str]) -> Table:
    """Make a row of each item of these columns, where this table has them and they are lists."""
    for name in names:
        table = table.explode(name) if name in table and is_lists(table, name) else table
    return table
