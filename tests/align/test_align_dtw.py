"""Time warping against all paths there are."""

from collections.abc import Iterator

import numpy as np
import pytest

from sensorium.align import dtw
from sensorium.core.errors import PartError


def walks(rows: int, columns: int) -> Iterator[list[tuple[int, int]]]:
    """List every walk from the first pair to the last."""
    if rows == columns == 1:
        yield [(0, 0)]
        return
    for di, dj in ((1, 1), (1, 0), (0, 1)):
        if rows > di and columns > dj:
            for walk in walks(rows - di, columns - dj):
                yield [*walk, (rows - 1, columns - 1)]


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 4), (4, 1), (3, 5), (5, 3), (5, 5)])
@pytest.mark.parametrize("band", [None, 2, 4])
def test_no_path_is_cheaper(rows: int, columns: int, band: int | None) -> None:
    if band is not None and band < abs(rows - columns):
        return
    cost = np.random.default_rng(rows * columns).normal(size=(rows, columns))
    allowed = [
        walk
        for walk in walks(rows, columns)
        if band is None or all(abs(i - j) <= band for i, j in walk)
    ]
    best = min(sum(cost[at] for at in walk) for walk in allowed)
    found = dtw(cost, band)
    walk = list(zip(found.left.tolist(), found.right.tolist(), strict=True))
    assert walk in allowed
    assert found.cost == pytest.approx(best, abs=1e-12)
    assert sum(cost[at] for at in walk) == pytest.approx(best, abs=1e-12)


def test_a_stretched_sequence_warps_back() -> None:
    left = np.sin(np.linspace(0, 6, 40))
    stretched = np.repeat(left, 3)
    found = dtw(np.abs(left[:, None] - stretched[None, :]))
    assert found.cost == 0.0
    assert np.array_equal(left[found.left], stretched[found.right])
    assert found.right[-1] == 119


def test_among_equals_both_advance() -> None:
    found = dtw(np.zeros((4, 4)))
    assert found.left.tolist() == found.right.tolist() == [0, 1, 2, 3]


def test_infinity_forbids() -> None:
    cost = np.zeros((3, 3))
    cost[1, 1] = np.inf
    found = dtw(cost)
    assert (1, 1) not in zip(found.left, found.right, strict=True)
    cost[1] = np.inf
    with pytest.raises(PartError, match="no path has a finite cost"):
        dtw(cost)


def test_long_sequences_take_moments() -> None:
    cost = np.random.default_rng(0).random((800, 900)).astype(np.float32)
    found = dtw(cost, band=150)
    assert np.abs(found.left - found.right).max() <= 150
    assert found.cost == pytest.approx(cost[found.left, found.right].sum(dtype=np.float64))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(PartError, match="found 0 x 3"):
        dtw(np.zeros((0, 3)))
    with pytest.raises(PartError, match="left step 1, right step 2"):
        dtw(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, np.nan]]))
    with pytest.raises(PartError, match="give 2 at least"):
        dtw(np.zeros((3, 5)), band=1)
