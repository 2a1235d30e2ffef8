"""What aligning asks of a table: one row a pair, and equal cells in one part."""

from dataclasses import dataclass

from sensorium.data import Table
from sensorium.data.lists import is_lists
from sensorium.data.sample import is_missing

LEAST = 0.1
"""The share of cells that must differ: those of a column of few labels recur, and are no group."""


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
    lists = tuple(name for name in columns if name in table and is_lists(table, name))
    for name in lists:
        before = len(table)
        table = table.explode(name)
        each = len(table) / max(before, 1)
        reasons.append(f"{name}: lists, {each:.1f} items each, every item a row of its own")
    if group is None and (group := recurring(table, columns)):
        reasons.append(f"split: rows of one {group} stay together, for its cells recur")
    return Pairs(table, group, tuple(reasons), lists)


def recurring(table: Table, columns: tuple[str, ...]) -> str | None:
    """Find the column whose equal cells recur most; None where none does."""
    counts = {}
    for name in columns:
        if name in table:
            cells = [c for c in table.with_schema(None).cells(name) if isinstance(c, str)]
            cells = [cell for cell in cells if not is_missing(cell)]
            different = len(set(cells))
            if different >= LEAST * len(cells):
                counts[name] = len(cells) - different
    most = max(counts, key=lambda name: counts[name], default=None)
    return most if most is not None and counts[most] else None
