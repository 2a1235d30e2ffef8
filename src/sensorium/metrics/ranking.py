"""Scores of orderings: how far up the positive rows stand. Need no threshold; ties count half.

Rows are sorted once a call; a bootstrap of many draws shares the sorting.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int

from sensorium.metrics.tally import Score, Weight, defined_mean, divide, share, weights


def auroc(
    truth: Bool[np.ndarray, " rows"], score: Float[np.ndarray, " rows"], weight: Weight = None
) -> Score:
    """Give the chance that a positive row scores above a negative one; ties count half.

    Returns:
        The area under the receiver operating characteristic; NaN where all rows are alike.
    """
    positive, negative = _steps(truth, score, weight)
    below = np.cumsum(negative, -1) - negative
    pairs = (positive * (below + negative / 2)).sum(-1)
    return divide(pairs, positive.sum(-1) * negative.sum(-1))


def average_precision(
    truth: Bool[np.ndarray, " rows"], score: Float[np.ndarray, " rows"], weight: Weight = None
) -> Score:
    """Average the precision over the recall it is reached at, without interpolation.

    Returns:
        The area under the steps of the precision-recall curve; NaN without positive rows.
    """
    positive, negative = (x[..., ::-1] for x in _steps(truth, score, weight))
    found = np.cumsum(positive, -1)
    precision = share(found, found + np.cumsum(negative, -1))
    return divide((positive * precision).sum(-1), positive.sum(-1))


def class_auroc(
    truth: Int[np.ndarray, " rows"],
    probability: Float[np.ndarray, " rows classes"],
    weight: Weight = None,
) -> Score:
    """Give AUROC of class 1 for two classes; else each class against the rest, averaged.

    Classes that do not occur are left out of the average.
    """
    return defined_mean(_by_class(auroc, truth, probability, weight))


def class_average_precision(
    truth: Int[np.ndarray, " rows"],
    probability: Float[np.ndarray, " rows classes"],
    weight: Weight = None,
) -> Score:
    """Give average precision of class 1 for two classes; else averaged over the classes."""
    return defined_mean(_by_class(average_precision, truth, probability, weight))


def _by_class(
    metric: Callable[..., Score],
    truth: Int[np.ndarray, " rows"],
    probability: Float[np.ndarray, " rows classes"],
    weight: Weight,
) -> Float[np.ndarray, " *draws scored"]:
    classes = probability.shape[1]
    scored = (1,) if classes == 2 else range(classes)
    return np.stack([np.asarray(metric(truth == c, probability[:, c], weight)) for c in scored], -1)


def _steps(
    truth: Bool[np.ndarray, " rows"], score: Float[np.ndarray, " rows"], weight: Weight
) -> tuple[Float[np.ndarray, " *draws steps"], Float[np.ndarray, " *draws steps"]]:
    """Sum the weights of positive and negative rows at each distinct score, lowest first."""
    each = weights(len(score), weight)
    if len(score) == 0:
        return each, each
    order = np.argsort(score, kind="stable")
    each, positive, ordered = each[..., order], truth[order], score[order]
    starts = np.append(0, np.flatnonzero(ordered[1:] != ordered[:-1]) + 1)  # inf - inf is no 0
    return (
        np.add.reduceat(each * positive, starts, axis=-1),
        np.add.reduceat(each * ~positive, starts, axis=-1),
    )
