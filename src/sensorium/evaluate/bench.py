"""Sets up the referee of a target: which rows, and which of them belong together."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.faults import RowId
from sensorium.data.table import Table
from sensorium.evaluate.intervals import Resamples
from sensorium.evaluate.outcome import Judged, Outcome
from sensorium.evaluate.referee import Referee

DRAWS = 1_000
"""How many times the rows are drawn anew for the intervals."""

FEWEST = 5
"""Fewer groups than these cannot be drawn from."""


def referee_for(
    table: Table, outcome: Outcome, judged: Judged, group: str | None, seed: int
) -> Referee:
    """Make the referee of the rows whose truth is known.

    Args:
        table: the rows; gives the groups.
        outcome: what the model saw of it.
        judged: one target of the outcome.
        group: the column whose rows are drawn together; single rows are drawn when it is None,
            when the table lacks it, or when it has too few different values to draw from.
        seed: gives the draws.
    """
    if group is None or count_groups(table, group) < FEWEST:
        return Referee(judged.head, judged.truth, Resamples(len(judged), DRAWS, seed))
    groups = groups_of(table, outcome, judged, group)
    return Referee(judged.head, judged.truth, Resamples(len(judged), DRAWS, seed, groups))


def labels(table: Table, group: str) -> dict[RowId, str]:
    """Name the group of each row, by the row's id; rows without one stand for themselves."""
    cells = zip(table.row_ids, table.cells(group), strict=True)
    return {row: f"row {row}" if cell is None else f"group {cell}" for row, cell in cells}


def count_groups(table: Table, group: str) -> int:
    """Count the groups that could be drawn; 0 where the table lacks the column."""
    return len(set(labels(table, group).values())) if group in table else 0


def groups_of(table: Table, outcome: Outcome, judged: Judged, group: str) -> NDArray[Any]:
    """Look up the group of each row judged."""
    known = labels(table, group)
    return np.array([known[outcome.rows[place]] for place in judged.index.tolist()])
