"""Does a stated probability mean what it says? Expected calibration error and its bins.

Paper: Guo et al. 2017, "On Calibration of Modern Neural Networks".
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from sensorium.metrics.tally import Score, Weight, divide, grouped, weights


@dataclass(frozen=True, eq=False)
class Bins:
    """Rows grouped by stated confidence into bins of equal width over 0..1.

    Attributes:
        weight: how many rows each bin holds.
        confidence: their average stated probability; NaN in empty bins.
        accuracy: the share of them that is right; NaN in empty bins.
    """

    weight: Float[np.ndarray, " *draws bins"]
    confidence: Float[np.ndarray, " *draws bins"]
    accuracy: Float[np.ndarray, " *draws bins"]


def reliability(
    right: Bool[np.ndarray, " rows"],
    confidence: Float[np.ndarray, " rows"],
    weight: Weight = None,
    bins: int = 15,
) -> Bins:
    """Group rows by confidence.

    Args:
        right: whether each row's answer is right.
        confidence: the probability stated for that answer, 0..1.
        weight: how much each row counts.
        bins: how many bins; one holds its upper edge, and the first holds 0 too.
    """
    each = weights(len(right), weight)
    group = np.clip(np.ceil(np.nan_to_num(confidence) * bins).astype(np.int64) - 1, 0, bins - 1)
    total = grouped(each, group, bins)
    return Bins(
        total,
        np.asarray(divide(grouped(each * confidence, group, bins), total)),
        np.asarray(divide(grouped(each * right, group, bins), total)),
    )


def calibration_error(
    right: Bool[np.ndarray, " rows"],
    confidence: Float[np.ndarray, " rows"],
    weight: Weight = None,
    bins: int = 15,
) -> Score:
    """Average |accuracy - confidence| over the bins, each by its rows."""
    found = reliability(right, confidence, weight, bins)
    gap = np.abs(np.nan_to_num(found.accuracy - found.confidence))
    return divide((gap * found.weight).sum(-1), found.weight.sum(-1))
