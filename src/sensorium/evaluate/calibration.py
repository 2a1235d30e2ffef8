"""Does a stated probability mean what it says? The curve behind the calibration error.

For classes: how often the answer is right, by the probability stated for it. For tags: how often a
tag is there, by its stated probability. Numbers state none.
"""

from dataclasses import dataclass

import numpy as np

from sensorium.metrics.calibration import calibration_error, reliability
from sensorium.tasks.head import Array, Head

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of about the same stated probability.

    Attributes:
        answers: how many.
        stated: their average stated probability.
        happened: the share that came true.
    """

    answers: int
    stated: float
    happened: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """A calibration curve: its bins, the empty ones left out, and how far it is off on average."""

    bins: tuple[Bin, ...]
    error: float


def calibration_of(head: Head, truth: Array, decided: Array) -> Calibration | None:
    """Draw up the curve of a target with classes or tags; None for numbers and texts."""
    if not head.names:
        return None
    if head.form == "classes":
        right, stated = truth == decided.argmax(1), decided.max(1)
    else:
        right, stated = (truth == 1).ravel(), decided.ravel()
    found = reliability(right, stated, bins=BINS)
    bins = tuple(
        Bin(int(found.weight[i]), float(found.confidence[i]), float(found.accuracy[i]))
        for i in np.flatnonzero(found.weight)
    )
    return Calibration(bins, float(calibration_error(right, stated, bins=BINS)))
