"""Which epoch was best, as far as the validation rows can tell."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sensorium.core.seed import numpy_generator
from sensorium.tasks.head import Array, Head

DRAWS = 40
MANY = 20_000
"""Beyond so many rows there is no doubt worth its price."""


def standard_error(head: Head, truth: Array, decided: Array, seed: int) -> float:
    """Give the deviation of the head's primary score over rows drawn anew (Efron 1979).

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


def is_best(history: Sequence[Mapping[str, Any]], kept: int) -> bool:
    """Tell whether the last epoch's weights should be kept in place of those kept so far.

    Scores within one standard error of the highest are not told apart (Breiman et al. 1984): of
    such, the least error (log loss, or absolute error) wins, as it tells more of each row than a
    count of right answers does.

    Args:
        history: one record an epoch, with ``score`` (more is better), ``standard_error`` and
            ``error``.
        kept: the epoch whose weights are kept so far; -1 for none.
    """
    now = history[-1]
    top = max((r for r in history if r.get("score") is not None), key=lambda r: r["score"])
    least = top["score"] - top["standard_error"]
    if now["score"] < least:
        return False
    return kept < 0 or history[kept]["score"] < least or now["error"] <= history[kept]["error"]
