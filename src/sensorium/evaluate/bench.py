"""Sets up the referee of a target: which rows, and which of them belong together."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.data.table import Table
from sensorium.evaluate.intervals import Resamples
from sensorium.evaluate.outcome import Judged, Outcome
from sensorium.evaluate.referee import Referee

DRAWS = 1_000
"""How many times the rows are drawn anew for the intervals."""


def referee_for(
    table: Table, outcome: Outcome, judged: Judged, group: str | None, seed: int
) -> Referee:
    """Make the referee of the rows whose truth is known.

    Args:
        table: the rows; gives the groups.
        outcome: what the model saw of it.
        judged: one target of the outcome.
        group: the column whose rows are drawn together; None, or one that the table lacks, draws
            single rows.
        seed: gives the draws.
    """
    groups = groups_of(table, outcome, judged, group)
    return Referee(judged.head, judged.truth, Resamples(len(judged), DRAWS, seed, groups))


def groups_of(
    table: Table, outcome: Outcome, judged: Judged, group: str | None
) -> NDArray[Any] | None:
    """Look up the group of each row judged; rows without one stand for themselves."""
    if group is None or group not in table:
        return None
    cells = zip(table.row_ids, table.cells(group), strict=True)
    labels = {row: f"row {row}" if cell is None else f"group {cell}" for row, cell in cells}
    return np.array([labels[outcome.rows[place]] for place in judged.index.tolist()])
