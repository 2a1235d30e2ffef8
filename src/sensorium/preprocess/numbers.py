"""Arrays of numbers: are they finite, and standardising them channel by channel."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64
from numpy.typing import NDArray

from sensorium.core.counted import counted
from sensorium.core.errors import CellError

LIMIT = 1e6


class ChannelScaling:
    """Mean and standard deviation a channel, learnt from arrays Float[time channels].

    Attributes:
        mean: one a channel; empty before ``fit``.
        deviation: one a channel, 1 where a channel is constant.
    """

    def __init__(self) -> None:
        self.mean: Float64[np.ndarray, " channels"] = np.zeros(0)
        self.deviation: Float64[np.ndarray, " channels"] = np.ones(0)

    def fit(self, arrays: Sequence[Float32[np.ndarray, "_ channels"]]) -> None:
        """Learn from arrays of the same channels."""
        if not arrays:
            return
        steps = sum(len(array) for array in arrays)
        self.mean = sum((a.sum(0, dtype=np.float64) for a in arrays), np.zeros(1)) / steps
        squares = sum((np.square(a - self.mean).sum(0) for a in arrays), np.zeros(1))
        spread = np.sqrt(squares / steps)
        self.deviation = np.where(spread > 1e-12 * np.maximum(1, np.abs(self.mean)), spread, 1.0)

    def __call__(self, array: Float32[np.ndarray, "*time channels"]) -> NDArray[Any]:
        """Standardise."""
        return np.asarray(np.clip((array - self.mean) / self.deviation, -LIMIT, LIMIT), np.float32)

    def state(self) -> Mapping[str, Any]:
        """Give what was learned, as JSON data."""
        return {"mean": self.mean.tolist(), "deviation": self.deviation.tolist()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what ``state`` gave."""
        self.mean = np.array(state["mean"], np.float64)
        self.deviation = np.array(state["deviation"], np.float64)


def finite(array: NDArray[Any], what: str) -> NDArray[Any]:
    """Check that there are numbers and that all are finite in 32 bits, and give float32.

    Errors:
        CellError: no numbers, or NaN, inf or too large a number among them.
    """
    if array.size == 0:
        raise CellError(f"{what} without any numbers (shape {array.shape})", "leave the cell empty")
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    bad = ~np.isfinite(array)
    if bad.any():
        share = f"{int(bad.sum())} of {counted(bad.size, 'number')}"
        raise CellError(
            f"{what} with {share} NaN, inf or beyond 3e38", "fill the gaps, or leave the cell empty"
        )
    return array


def commonest(sizes: Sequence[int]) -> int:
    """Tell the size that most cells have; the smallest of equals, 0 where there are none."""
    return max(sorted(set(sizes)), key=list(sizes).count, default=0)
