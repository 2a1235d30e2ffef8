"""Sums over rows, with row weights, for one draw or for many draws of a bootstrap at once.

A bootstrap draws rows with replacement; how often each row was drawn is its weight. Every metric
takes ``weight`` of form [rows], or [draws rows] for many draws, and gives one number or one a
draw. So the costly part (sorting, choosing) is done once, not once a draw.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int, Num, Shaped
from numpy.typing import NDArray

Score = np.float64 | NDArray[np.float64]
"""One number, or one number a draw."""

Scores = NDArray[np.float64]
"""One number for each of several things, on the last axis."""

Amount = np.number[Any] | NDArray[Any]
"""A sum or a count, or one a draw."""

Weight = Num[np.ndarray, " *draws rows"] | None
"""How much each row counts; None counts each once."""


def weights(rows: int, weight: Weight) -> Float[np.ndarray, " *draws rows"]:
    """Fill in what None stands for."""
    return np.ones(rows) if weight is None else np.asarray(weight, dtype=np.float64)


def divide(above: Amount, below: Amount) -> Score:
    """Divide; NaN where there is nothing to divide by."""
    out = np.full(np.broadcast_shapes(np.shape(above), np.shape(below)), np.nan)
    np.divide(above, below, out=out, where=np.not_equal(below, 0))
    return out[()]


def share(above: NDArray[Any], below: NDArray[Any]) -> Scores:
    """Divide each by each; 0 where there is nothing to divide by."""
    out = np.zeros(np.shape(below))
    np.divide(above, below, out=out, where=below != 0)
    return out


def mean(values: Shaped[np.ndarray, " rows"], weight: Weight = None) -> Score:
    """Average one number a row; NaN when no row counts."""
    each = weights(len(values), weight)
    return divide(each @ values.astype(np.float64), each.sum(-1))


def defined_mean(scores: Float[np.ndarray, " *draws parts"]) -> Score:
    """Average over the last axis what is not NaN; NaN where all is."""
    known = ~np.isnan(scores)
    return divide(np.where(known, scores, 0.0).sum(-1), known.sum(-1))


def grouped(
    weight: Float[np.ndarray, " *draws rows"], group: Int[np.ndarray, " rows"], groups: int
) -> Float[np.ndarray, " *draws groups"]:
    """Sum the weights of each group's rows."""
    if weight.ndim == 1 and len(group):
        return np.bincount(group, weights=weight, minlength=groups)
    sums = np.zeros((*weight.shape[:-1], groups))
    if len(group):
        order = np.argsort(group, kind="stable")
        found, starts = np.unique(group[order], return_index=True)
        sums[..., found] = np.add.reduceat(weight[..., order], starts, axis=-1)
    return sums
