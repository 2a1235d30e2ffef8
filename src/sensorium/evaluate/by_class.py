"""How each class or tag fares, and which classes are taken for which."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from sensorium.metrics.classification import Counts, confusion, count, f1, precision, recall
from sensorium.tasks.head import Array, Head

NEVER_SEEN = "(never seen in training)"


@dataclass(frozen=True, slots=True)
class ClassScore:
    """The scores of one class or tag.

    Attributes:
        name: the class.
        rows: how many rows have it.
        precision: of the rows answered so, the share that is right.
        recall: of its rows, the share that was found.
        f1: the harmonic mean of both.
    """

    name: str
    rows: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Mistake:
    """A class that was taken for another, so many times."""

    true: str
    answered: str
    rows: int


@dataclass(frozen=True, eq=False)
class Confusion:
    """How often each class (down) was answered as each (across).

    Attributes:
        true: the names down; classes never seen in training come last, where there are any.
        answered: the names across.
        counts: Int[true answered].
    """

    true: tuple[str, ...]
    answered: tuple[str, ...]
    counts: Int[np.ndarray, " true answered"]

    def mistakes(self, most: int = 10) -> tuple[Mistake, ...]:
        """Name the most frequent mistakes."""
        wrong = self.counts.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong, axis=None, kind="stable")[:most]
        pairs = zip(*np.unravel_index(order, wrong.shape), strict=True)
        return tuple(
            Mistake(self.true[down], self.answered[across], int(wrong[down, across]))
            for down, across in pairs
            if wrong[down, across]
        )


def confusion_of(head: Head, truth: Array, decided: Array) -> Confusion | None:
    """Count the confusions of a target with classes; None for tags and numbers."""
    if head.form != "classes":
        return None
    counts = confusion(truth, head.chosen(decided), len(head.names)).astype(np.int64)
    if not counts[-1].any():
        return Confusion(head.names, head.names, counts[:-1])
    return Confusion((*head.names, NEVER_SEEN), head.names, counts)


def class_scores(head: Head, truth: Array, decided: Array) -> tuple[ClassScore, ...]:
    """Score each class or tag, in the order of ``head.names``; () for numbers and texts."""
    if not head.names:
        return ()
    counts = (_tag_counts if head.form == "tags" else _class_counts)(head, truth, decided)
    columns: list[Float[np.ndarray, " classes"]] = [precision(counts), recall(counts), f1(counts)]
    rows = counts.true.astype(int)
    return tuple(
        ClassScore(name, int(rows[place]), *(float(column[place]) for column in columns))
        for place, name in enumerate(head.names)
    )


def _class_counts(head: Head, truth: Array, decided: Array) -> Counts:
    return count(truth, head.chosen(decided), len(head.names))


def _tag_counts(head: Head, truth: Array, decided: Array) -> Counts:
    chosen = head.chosen(decided)
    true = truth == 1
    return Counts(*(x.sum(0).astype(np.float64) for x in (true & chosen, true, chosen)))
