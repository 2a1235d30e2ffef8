"""How far a validation score could be off: one standard error, by the bootstrap (Efron 1979)."""

import numpy as np

from sensorium.core.seed import numpy_generator
from sensorium.tasks.head import Array, Head

DRAWS = 40
MANY = 20_000
"""Beyond so many rows there is no doubt worth its price."""


def standard_error(head: Head, truth: Array, decided: Array, seed: int) -> float:
    """Give the deviation of the head's primary score over rows drawn anew.

    Args:
        head: gives the score.
        truth: known truths, [rows ...].
        decided: decided outputs, [rows ...].
        seed: draws the rows.
    """
    rows = len(truth)
    if rows > MANY:
        return 0.0
    counts = numpy_generator(seed, "doubt").multinomial(rows, np.full(rows, 1 / rows), DRAWS)
    scores = np.asarray(head.score(truth, decided, counts.astype(np.float64)))
    scores = scores[np.isfinite(scores)]
    return float(scores.std()) if len(scores) > 1 else 0.0
