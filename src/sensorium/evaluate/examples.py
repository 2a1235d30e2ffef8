"""Rows worth looking at: where the model was most wrong, and where it was as wrong as usual."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sensorium.core.faults import RowId
from sensorium.data.table import Table
from sensorium.evaluate.by_class import NEVER_SEEN
from sensorium.evaluate.intervals import number
from sensorium.evaluate.looking import Senses, senses
from sensorium.evaluate.outcome import Judged, Outcome
from sensorium.model import Model
from sensorium.preprocess import CellView, view_cell
from sensorium.tasks.head import OBJECTS, Array, Head, as_rows

One = Any
"""The truth or answer of one row: a number, or Array[classes]."""

NOTHING = Senses()
WORST = 6
TYPICAL = 3
BEST = 3


@dataclass(frozen=True, slots=True)
class Example:
    """One row with its answer.

    Attributes:
        row: the row's id.
        truth, answer: in words.
        right: whether they are the same (classes, tags and texts); False for numbers.
        error: how wrong the answer is: log loss, absolute error, or words that are not shared.
        cells: the row's input cells.
        senses: what the model looked at and heard while it wrote, for texts.
    """

    row: RowId
    truth: str
    answer: str
    right: bool
    error: float
    cells: tuple[CellView, ...]
    senses: Senses = NOTHING


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows that show what the model can do and what it cannot.

    Attributes:
        worst: the rows with the largest errors, largest first.
        typical: those next to the median error.
        best: of texts, those with the smallest errors.
    """

    worst: tuple[Example, ...]
    typical: tuple[Example, ...]
    best: tuple[Example, ...] = ()


def examples(model: Model, table: Table, outcome: Outcome, target: str) -> Examples:
    """Pick the rows and show their cells."""
    judged = outcome.judged(target)
    errors = judged.head.errors(judged.truth, judged.decided)
    order = np.argsort(-errors, kind="stable")
    middle = max(0, (len(order) - TYPICAL) // 2)
    place_of: dict[RowId, int] = {row: place for place, row in enumerate(table.row_ids)}
    show = _Show(model, table, outcome, judged, target, errors, place_of)
    later = order[max(WORST, middle) + TYPICAL :] if judged.head.form in OBJECTS else order[:0]
    return Examples(
        worst=tuple(show(order[:WORST])),
        typical=tuple(show(order[max(WORST, middle) :][:TYPICAL])),
        best=tuple(show(later[::-1][:BEST])),
    )


@dataclass(frozen=True, eq=False)
class _Show:
    model: Model
    table: Table
    outcome: Outcome
    judged: Judged
    target: str
    errors: Array
    place_of: dict[RowId, int]

    def __call__(self, chosen: Array) -> Iterator[Example]:
        head = self.judged.head
        for place in chosen.tolist():
            row = self.outcome.rows[int(self.judged.index[place])]
            cells = self.table[self.place_of[row]]
            yield Example(
                row=row,
                truth=truth_in_words(head, self.judged.truth[place]),
                answer=answer_in_words(head, self.judged.decided[place]),
                right=is_right(head, self.judged.truth[place], self.judged.decided[place]),
                error=float(self.errors[place]),
                cells=tuple(
                    view_cell(self.model.prep, name, cells.get(name), row)
                    for name in self.model.names
                ),
                senses=senses(self.model, cells, self.target) if head.form == "texts" else NOTHING,
            )


def truth_in_words(head: Head, truth: One) -> str:
    """Write the truth of one row."""
    if head.form == "values":
        return number(float(truth), 4)
    if head.form == "texts":
        return " | ".join(truth)
    if head.form in OBJECTS:
        return head.in_words(truth)
    if head.form == "tags":
        return ", ".join(n for n, yes in zip(head.names, truth, strict=True) if yes == 1) or "none"
    return head.names[int(truth)] if int(truth) < len(head.names) else NEVER_SEEN


def answer_in_words(head: Head, decided: One) -> str:
    """Write the answer to one row, with its probability where there is one."""
    if head.form in OBJECTS:
        return head.in_words(decided)
    answer = head.answers(decided[None])[0]
    if head.form == "values":
        return number(float(answer), 4)
    if head.form == "tags":
        return ", ".join(map(str, answer)) or "none"
    return f"{answer} ({float(decided[head.chosen(decided[None])[0]]):.0%})"


def is_right(head: Head, truth: One, decided: One) -> bool:
    """Tell whether an answer is the truth; False for numbers, which are only near or far."""
    if head.form == "classes":
        return int(head.chosen(decided[None])[0]) == int(truth)
    if head.form == "tags":
        return truth_in_words(head, truth) == answer_in_words(head, decided)
    if head.form == "texts":
        return str(decided) in truth
    if head.form in OBJECTS:
        return not head.errors(as_rows([truth]), as_rows([decided]))[0]
    return False
