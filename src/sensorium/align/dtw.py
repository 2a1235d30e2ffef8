"""Dynamic time warping: the cheapest way to walk through two sequences side by side.

Sakoe and Chiba 1978. Exact, in numpy, without slopes (``soft_dtw`` has them).

Legend: left and right = steps of the two sequences, steps = steps of the path.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from sensorium.core.errors import PartError


@dataclass(frozen=True, eq=False)
class Path:
    """A walk from the first pair of steps to the last; each move advances left, right or both.

    Attributes:
        left: the left step at each step of the path.
        right: the right step.
        cost: the sum of the costs along the path.
    """

    left: Int[np.ndarray, " steps"]
    right: Int[np.ndarray, " steps"]
    cost: float


def dtw(cost: Float[np.ndarray, " left right"], band: int | None = None) -> Path:
    """Find the path of the least total cost; among equals, one that advances both.

    D(i, j) = cost(i, j) + min(D(i-1, j-1), D(i-1, j), D(i, j-1)), computed an antidiagonal at a
    time.

    Args:
        cost: of each left step beside each right one; infinity forbids a pair.
        band: how far apart the two may be, |i - j| <= band, in steps; None does not limit it.

    Errors:
        PartError: an empty side, a NaN, a band that excludes the last pair, or no path of finite
            cost.
    """
    _check(cost, band)
    total = _totals(_skewed(cost, band))
    rows, columns = cost.shape
    i, j = rows - 1, columns - 1
    if not np.isfinite(total[i + j + 2, i + 1]):
        msg = "no path has a finite cost; allow more pairs or a wider band"
        raise PartError(msg)
    walked = [(i, j)]
    while (i, j) != (0, 0):
        i, j = min(
            ((i - 1, j - 1), (i - 1, j), (i, j - 1)),
            key=lambda at: total[at[0] + at[1] + 2, at[0] + 1],
        )
        walked.append((i, j))
    left, right = np.array(walked[::-1]).T
    return Path(left, right, float(total[rows + columns, rows]))


def _skewed(cost: np.ndarray, band: int | None) -> np.ndarray:
    """Lay the antidiagonals out as rows: out[i + j, i] = cost[i, j]; infinity elsewhere."""
    rows, columns = cost.shape
    out = np.full((rows + columns - 1, rows), np.inf)
    apart = np.abs(np.arange(rows)[:, None] - np.arange(columns))
    i, j = np.nonzero(apart <= (apart.max() if band is None else band))
    out[i + j, i] = cost[i, j]
    return out


def _totals(skewed: np.ndarray) -> np.ndarray:
    """Sum costs along the best paths: out[i + j + 2, i + 1] = D(i, j), with a border of infinity.

    The border starts the walk: out[0, 0] stands for D(-1, -1) = 0.
    """
    diagonals, rows = skewed.shape
    out = np.full((diagonals + 2, rows + 1), np.inf)
    out[0, 0] = 0.0
    for d in range(diagonals):
        both, one = out[d], out[d + 1]
        best = np.minimum(np.minimum(one[:-1], one[1:]), both[:-1])
        out[d + 2, 1:] = skewed[d] + best
    return out


def _check(cost: np.ndarray, band: int | None) -> None:
    rows, columns = cost.shape
    if not rows or not columns:
        msg = f"time warping needs two steps at least, one a side; found {rows} x {columns}"
        raise PartError(msg)
    holes = np.isnan(cost)
    if holes.any():
        i, j = divmod(int(holes.argmax()), columns)
        msg = f"a cost is NaN: left step {i}, right step {j}"
        raise PartError(msg)
    if band is not None and band < abs(rows - columns):
        msg = (
            f"a band of {band} excludes the last pair of {rows} and {columns} steps; "
            f"give {abs(rows - columns)} at least"
        )
        raise PartError(msg)
