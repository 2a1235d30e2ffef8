"""Scores of numbers: MAE, MSE, RMSE and R2, in the units of the truth."""

import numpy as np
from jaxtyping import Float

from sensorium.metrics.tally import Score, Weight, mean, weights

Rows = Float[np.ndarray, " rows"]

CONSTANT = 1e-12
"""A truth whose variance is below this share of its spread over all rows does not vary."""


def mae(truth: Rows, decided: Rows, weight: Weight = None) -> Score:
    """Average the absolute error."""
    return mean(np.abs(decided - truth), weight)


def mse(truth: Rows, decided: Rows, weight: Weight = None) -> Score:
    """Average the squared error."""
    return mean((decided - truth) ** 2, weight)


def rmse(truth: Rows, decided: Rows, weight: Weight = None) -> Score:
    """Give the root of the average squared error."""
    return np.sqrt(mse(truth, decided, weight))


def r2(truth: Rows, decided: Rows, weight: Weight = None) -> Score:
    """Give the share of variance explained; NaN where the truth does not vary."""
    each = weights(len(truth), weight)
    centred = truth - truth.mean() if len(truth) else truth
    spread = mean(centred**2, each)
    variance = spread - mean(centred, each) ** 2
    varies = variance > CONSTANT * spread
    explained: Score = np.where(
        varies, 1 - mse(truth, decided, each) / np.where(varies, variance, 1.0), np.nan
    )[()]
    return explained


def value_scores(truth: Rows, decided: Rows, weight: Weight = None) -> dict[str, Score]:
    """Give all scores of numbers by name."""
    return {
        "mae": mae(truth, decided, weight),
        "mse": mse(truth, decided, weight),
        "rmse": rmse(truth, decided, weight),
        "r2": r2(truth, decided, weight),
    }
