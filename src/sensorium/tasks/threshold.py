"""From which probability on to answer yes."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

UNSURE = 0.5
"""The threshold where nothing better is known."""


def best_threshold(
    truth: Bool[np.ndarray, " rows"], probability: Float[np.ndarray, " rows"]
) -> float:
    """Find from which probability on a yes gives the highest F1.

    Returns:
        The middle between the two neighbouring probabilities; of equally good thresholds the one
        nearest to 0.5; 0.5 where no row, or every row, has the tag.
    """
    if truth.all() or not truth.any():
        return UNSURE
    order = np.argsort(-probability, kind="stable")
    sorted_down, found = probability[order], np.cumsum(truth[order])
    ends = np.flatnonzero(np.diff(sorted_down, append=-np.inf))
    f1 = 2 * found[ends] / (truth.sum() + ends + 1)
    middles = (sorted_down[ends] + np.append(sorted_down[ends[1:]], 0.0)) / 2
    best = middles[f1 >= f1.max() - 1e-12]
    return float(best[np.abs(best - UNSURE).argmin()])


def kept_below(thresholds: float | Sequence[float]) -> Float[Tensor, " *shape"]:
    """Bring thresholds to 32 bits, never above what they are, so that no row falls below its own.

    Not every device has longer numbers: Apple's GPUs refuse them.
    """
    exact = np.asarray(thresholds, np.float64)
    near = exact.astype(np.float32)
    below = np.nextafter(near, np.float32(-np.inf))
    return torch.from_numpy(np.asarray(np.where(near > exact, below, near)))
