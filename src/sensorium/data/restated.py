"""Columns that say the target again, such as all people's answers beside the commonest one."""

from collections import Counter
from typing import Any

from sensorium.data.sample import is_missing
from sensorium.data.table import Table

LEAST_ROWS = 10
"""Of fewer rows nothing is told."""
MOST_ROWS = 2_000
_NEARLY_ALL = 0.9


def restates(table: Table, name: str, target: str) -> bool:
    """Tell whether one of two columns holds lists in which the other's cells are the commonest.

    Lists to choose from, in which every item stands once, say nothing.

    Args:
        table: the rows; the first 2,000 are looked at.
        name: one column.
        target: the other.
    """
    rows = table.with_schema(None).slice(0, min(len(table), MOST_ROWS))
    few = rows.slice(0, LEAST_ROWS)
    if not any(map(_is_list, [*few.cells(name), *few.cells(target)])):
        return False
    both = zip(rows.cells(name), rows.cells(target), strict=True)
    pairs = [pair for pair in both if not any(map(_is_absent, pair))]
    if len(pairs) < LEAST_ROWS:
        return False
    told = [_tells(*sorted(pair, key=_is_list)) for pair in pairs]
    return sum(told) >= _NEARLY_ALL * len(told)


def _tells(cell: Any, items: Any) -> bool:
    if _is_list(cell) or not _is_list(items):
        return False
    counts = Counter(map(str, items))
    most = max(counts.values())
    return counts[str(cell)] == most and (most > 1 or len(counts) == 1)


def _is_list(cell: Any) -> bool:
    return isinstance(cell, list | tuple)


def _is_absent(cell: Any) -> bool:
    return not cell if _is_list(cell) else is_missing(cell)
