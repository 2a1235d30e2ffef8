"""What one would answer without looking: the majority class, the usual tags, the mean or median.

Learned from the targets of the training rows; a model that is no better has learned nothing.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from sensorium.core.batch import Column
from sensorium.core.errors import PartError
from sensorium.core.faults import Ledger
from sensorium.data.table import Table
from sensorium.evaluate.words import shortened
from sensorium.model import Model
from sensorium.tasks.head import OBJECTS, Array, Head, as_rows

USUAL = 10
"""So many of the usual keywords are answered."""


@dataclass(frozen=True, eq=False)
class Baseline:
    """An answer that is the same for every row.

    Attributes:
        title: what it answers, in words.
        answer: the answer, as ``head.decide`` would give it for one row.
    """

    title: str
    answer: Array

    def decided(self, rows: int) -> Array:
        """Give the answer to so many rows."""
        return np.repeat(self.answer[None], rows, axis=0)


_SHOWN = 28
"""So many signs of a text stand in a row's name, which shares a line of a screen with its score."""


def baseline(head: Head, truth: Array) -> Baseline:
    """Learn the baseline of one target.

    Args:
        head: the target's head.
        truth: the true values of the training rows, as ``head.truth`` gives them; unknown ones
            are left out.

    Errors:
        PartError: no row has the target.
    """
    known = truth[head.known(truth)]
    if len(known) == 0:
        msg = "no training row has the target, so there is no baseline; give rows that have it"
        raise PartError(msg)
    if head.form == "classes":
        counts = np.bincount(known.astype(int), minlength=len(head.names))[: len(head.names)]
        shares = counts / max(1, counts.sum())
        if head.primary == "in_scope_accuracy":  # a small share is no reason to refuse
            shares = np.eye(len(counts))[counts.argmax()]
        return Baseline(f"always {head.names[int(head.chosen(shares[None])[0])]}", shares)
    if head.form == "tags":
        return Baseline("each tag at its usual rate", known.mean(0, dtype=np.float64))
    if head.form in OBJECTS:
        return _of_objects(head, known)
    if head.primary == "mae":
        return Baseline("always the median", np.asarray(np.median(known)))
    return Baseline("always the mean", np.asarray(known.mean()))


def _of_objects(head: Head, known: Array) -> Baseline:
    if head.form == "spans":
        return Baseline("never a span", as_rows([()]).reshape(()))
    if head.form == "keywords":
        usual = Counter(word for row in known for word in row).most_common(USUAL)
        said = tuple((word, count / len(known)) for word, count in usual)
        return Baseline("always the usual keywords", as_rows([said]).reshape(()))
    ((most, _),) = Counter(text for row in known for text in row[:1]).most_common(1)
    return Baseline(f"always “{shortened(most, _SHOWN)}”", np.array(most, object))


def targets_of(model: Model, table: Table) -> dict[str, Array]:
    """Take the true values of every target out of a table; damaged cells count as unknown."""
    return {
        target: head.truth(_column(model, table, target))
        for target, head in model.task.heads.items()
    }


def _column(model: Model, table: Table, target: str) -> Column:
    raw = model.prep.raw_cells(table, target)
    cells, ledger = zip(table.row_ids, raw, strict=True), Ledger()
    return model.prep.steps[target](
        [model.prep.read_cell(target, cell, row, ledger) for row, cell in cells]
    )
