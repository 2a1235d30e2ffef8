"""What aligning asks of a table: one row a pair, and equal cells in one part."""

from dataclasses import dataclass

from sensorium.data import Table
from sensorium.data.sample import is_missing
from sensorium.data.table import listed

LOOKED_AT = 200
"""Cells of a column by which it is told whether they are lists."""


@dataclass(frozen=True)
class Pairs:
    """A table ready to be aligned.

    Attributes:
        table: a row a pair.
        group: the column whose equal cells stay in one part; None where no cell occurs twice.
        reasons: what was done, in words.
        lists: the columns of lists, of which every item became a row.
    """

    table: Table
    group: str | None
    reasons: tuple[str, ...]
    lists: tuple[str, ...] = ()


def paired(table: Table, columns: tuple[str, ...], group: str | None) -> Pairs:
    """Make a row of each item of a list, and find what must not be split apart.

    Args:
        table: the rows.
        columns: those that are to be aligned; () leaves the table as it is.
        group: the user's own; None chooses the column whose cells recur most.
    """
    reasons = []
    lists = tuple(name for name in columns if name in table and _is_lists(table, name))
    for name in lists:
        before = len(table)
        table = table.explode(name)
        each = len(table) / max(before, 1)
        reasons.append(f"{name}: lists, {each:.1f} items each, every item a row of its own")
    if group is None and (group := _recurring(table, columns)):
        reasons.append(f"split: rows of one {group} stay together, for its cells recur")
    return Pairs(table, group, tuple(reasons), lists)


def exploded(table: Table, lists: tuple[str, ...]) -> Table:
    """Make a row of each item of these columns, where they are lists in this table too."""
    for name in lists:
        table = table.explode(name) if _is_lists(table, name) else table
    return table


def _is_lists(table: Table, name: str) -> bool:
    cells = [listed(cell) for cell in table.slice(0, LOOKED_AT).with_schema(None).cells(name)]
    known = [cell for cell in cells if not is_missing(cell) and cell is not None]
    texts = [c for c in known if isinstance(c, list | tuple) and all(isinstance(i, str) for i in c)]
    return bool(known) and len(texts) == len(known)


def _recurring(table: Table, columns: tuple[str, ...]) -> str | None:
    counts = {}
    for name in columns:
        if name in table:
            cells = [cell for cell in table.with_schema(None).cells(name) if isinstance(cell, str)]
            counts[name] = len(cells) - len(set(cells))
    most = max(counts, key=lambda name: counts[name], default=None)
    return most if most is not None and counts[most] else None
