"""Scores of answers that may also be "none of these": right in scope, and refused out of scope.

Legend: rows = of known truth; ``outside`` is the number that stands for out of scope, as a truth
and as an answer.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from sensorium.metrics.ranking import auroc
from sensorium.metrics.tally import Score, Weight, mean, weights

Numbers = Int[np.ndarray, " rows"]


def in_scope_accuracy(
    truth: Numbers, chosen: Numbers, outside: int, weight: Weight = None
) -> Score:
    """Give, of the rows in scope, the share that is answered right; refused ones are not."""
    return mean(truth == chosen, weights(len(truth), weight) * (truth != outside))


def out_of_scope_recall(
    truth: Numbers, chosen: Numbers, outside: int, weight: Weight = None
) -> Score:
    """Give, of the rows out of scope, the share that is refused."""
    return mean(chosen == outside, weights(len(truth), weight) * (truth == outside))


def scope_auroc(
    truth: Numbers,
    confidence: Float[np.ndarray, " rows"],
    outside: int,
    weight: Weight = None,
) -> Score:
    """Give the chance that a row in scope is answered with more confidence than one that is not."""
    return auroc(truth != outside, confidence, weight)


def scope_threshold(
    right: Bool[np.ndarray, " rows"],
    inside: Bool[np.ndarray, " rows"],
    confidence: Float[np.ndarray, " rows"],
    kept: float,
) -> float:
    """Choose from which confidence on to answer.

    Args:
        right: whether the answer is right, were it given.
        inside: whether the row is in scope.
        confidence: how sure the answer is; below 0 it is refused at any threshold.
        kept: where no row is out of scope, the share of right answers that are given.

    Returns:
        Where there are rows out of scope: the threshold at which the mean of in-scope accuracy
        and out-of-scope recall is highest; of those within two standard errors of the best, which
        so few rows cannot tell apart, the lowest, which refuses least. 0 where no answer is right.
    """
    sure = np.sort(confidence[right])
    if not len(sure):
        return 0.0
    if inside.all():
        place = int(np.floor((1 - kept) * len(sure)))
        below = sure[place - 1] if place else 0.0
        return max(0.0, float((below + sure[place]) / 2))
    levels = np.unique(confidence.clip(min=0.0))
    thresholds = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2])
    given = len(sure) - np.searchsorted(sure, thresholds)
    refused = np.searchsorted(np.sort(confidence[~inside]), thresholds)
    rows = np.array([max(1, inside.sum()), (~inside).sum()])
    found = np.stack([given, refused])
    worth = (found / rows[:, None]).mean(0)
    best = (found[:, worth.argmax()] + 1) / (rows + 2)  # few rows that all agree prove little
    doubt = float(np.sqrt((best * (1 - best) / rows).sum())) / 2
    return float(thresholds[(worth >= worth.max() - 2 * doubt).argmax()])
