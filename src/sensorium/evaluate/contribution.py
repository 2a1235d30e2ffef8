"""What each input contributes.

A column's cells are dealt to other rows, so that they look as ever and say nothing; what the score
loses is what the column brought (Breiman, 2001; Fisher et al., 2019). Putting zeros in its place
would ask the model about rows that it never met. Two columns that say the same cover for one
another: each then contributes little, and the subsets show it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sensorium.evaluate.alterations import Alter, Shuffled
from sensorium.evaluate.by_class import class_scores
from sensorium.evaluate.intervals import Interval, percentile
from sensorium.evaluate.referee import Mark, Referee
from sensorium.tasks.head import Array

MANY, HUNDREDS = 20, 100
"""Each column is shuffled five times; where there are more columns than these, twice, and once."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one input column brings.

    Attributes:
        column: the column.
        loss: by how much the primary score gets worse when the column is shuffled; above 0 is
            worse, whatever the score. Average of the repeats.
        by_class: the same for the recall of each class (or the F1 of each tag); {} for numbers.
    """

    column: str
    loss: Interval
    by_class: Mapping[str, float]


def shuffles(columns: Collection[str], seed: int) -> dict[tuple[str, int], Alter]:
    """Give the alterations from which contributions are computed, by column and repeat."""
    repeats = 5 if len(columns) <= MANY else 2 if len(columns) <= HUNDREDS else 1
    return {
        (column, repeat): Shuffled((column,), seed, repeat)
        for column in columns
        for repeat in range(repeats)
    }


def contributions(
    referee: Referee,
    fusion: Array,
    shuffled: Mapping[str, Sequence[Array]],
) -> tuple[Contribution, ...]:
    """Compute what each column brings, most first.

    Args:
        referee: judges the rows.
        fusion: what the model answered.
        shuffled: what it answered with a column shuffled, once a repeat, by column.
    """
    whole = referee.mark(fusion)
    found = [
        Contribution(
            column,
            _loss(referee, whole, [referee.mark(answers) for answers in repeats]),
            _by_class(referee, fusion, repeats),
        )
        for column, repeats in shuffled.items()
    ]
    return tuple(sorted(found, key=lambda c: -c.loss.value))


def _loss(referee: Referee, whole: Mark, repeats: Sequence[Mark]) -> Interval:
    value = whole.value - float(np.mean([mark.value for mark in repeats]))
    drawn = whole.drawn - np.mean([mark.drawn for mark in repeats], axis=0)
    return percentile(referee.sign * value, referee.sign * drawn)


def _by_class(referee: Referee, fusion: Array, repeats: Sequence[Array]) -> dict[str, float]:
    head = referee.head
    if not head.names:
        return {}
    intact = _main(referee, fusion)
    lost: Float[np.ndarray, " classes"] = intact - np.mean(
        [_main(referee, answers) for answers in repeats], axis=0
    )
    return dict(zip(head.names, map(float, lost), strict=True))


def _main(referee: Referee, decided: Array) -> Float[np.ndarray, " classes"]:
    scores = class_scores(referee.head, referee.truth, decided)
    return np.array([s.recall if referee.head.form == "classes" else s.f1 for s in scores])
