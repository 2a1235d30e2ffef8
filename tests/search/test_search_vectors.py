"""Exact search: against a plain sort, in every way that it goes about it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.core.errors import ArtifactError
from sensorium.search.vectors import BATCH, Vectors, unit


def some(rows: int, width: int = 24, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)


def plainly(vectors: np.ndarray, queries: np.ndarray, top: int, among: np.ndarray) -> np.ndarray:
    similar = unit(queries).astype(np.float64) @ unit(vectors[among]).astype(np.float64).T
    return among[np.argsort(-similar, axis=1, kind="stable")[:, :top]]


@pytest.mark.parametrize("queries", [1, BATCH - 1, BATCH, 70])
@pytest.mark.parametrize("share", [1.0, 0.3])
def test_the_nearest_are_found_exactly(tmp_path: Path, queries: int, share: float) -> None:
    vectors, asked = some(900), some(queries, seed=1)
    among = np.flatnonzero(np.random.default_rng(2).random(900) < share)
    file = Vectors(tmp_path / "v", 24)
    assert file.append(vectors).tolist() == list(range(900))
    places, similar = file.nearest(asked, 5, among)
    assert places.tolist() == plainly(vectors, asked, 5, among).tolist()
    assert (np.diff(similar, axis=1) <= 0).all()
    truth = np.einsum("qw,qtw->qt", unit(asked), unit(vectors)[places])
    assert similar == pytest.approx(truth, abs=1e-6)


def test_a_crowd_too_dense_for_bf16_is_told_apart_all_the_same(tmp_path: Path) -> None:
    centre = some(1)
    crowd = centre + 0.02 * some(600, seed=1)
    file = Vectors(tmp_path / "v", 24)
    file.append(crowd)
    asked = np.repeat(centre, BATCH, 0) + 0.02 * some(BATCH, seed=2)
    places, _ = file.nearest(asked, 3, np.arange(600))
    assert places.tolist() == plainly(crowd, asked, 3, np.arange(600)).tolist()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 12), st.integers(1, 12), st.integers(1, 10))
def test_never_more_than_there_are(rows: int, top: int, queries: int) -> None:
    import tempfile  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        file = Vectors(Path(folder) / "v", 3)
        if rows:
            file.append(some(rows, 3))
        places, similar = file.nearest(some(queries, 3, 1), top, np.arange(rows))
    assert places.shape == similar.shape == (queries, min(top, rows))


def test_of_equals_the_first_in_the_file_comes_first(tmp_path: Path) -> None:
    file = Vectors(tmp_path / "v", 2)
    file.append(np.array([[0, 1], [2, 0], [1, 0], [3, 0]], np.float32))
    places, similar = file.nearest(np.array([[5, 0]], np.float32), 3, np.arange(4))
    assert places.tolist() == [[1, 2, 3]]
    assert similar.tolist() == [[1, 1, 1]]


def test_what_a_crash_left_behind_is_written_over(tmp_path: Path) -> None:
    file = Vectors(tmp_path / "v", 2)
    file.append(np.eye(2, dtype=np.float32))
    Vectors(file.file, 2, count=2).append(np.full((5, 2), 7, np.float32))
    again = Vectors(file.file, 2, count=2)
    assert again.append(np.array([[0, -3]], np.float32)).tolist() == [2]
    assert again.matrix.tolist() == [[1, 0], [0, 1], [0, -1]]
    assert file.file.stat().st_size == 3 * 2 * 4


def test_a_torn_file_is_refused(tmp_path: Path) -> None:
    file = Vectors(tmp_path / "v", 2)
    file.append(np.eye(2, dtype=np.float32))
    file.file.write_bytes(file.file.read_bytes()[:-1])
    with pytest.raises(ArtifactError, match="15 bytes, 16 are needed"):
        file.nearest(np.eye(2, dtype=np.float32), 1, np.arange(2))


def test_a_vector_of_nothing_stays_nothing() -> None:
    assert unit(np.array([[0, 0], [3, 4]], np.float32)).tolist() == [
        [0, 0],
        pytest.approx([0.6, 0.8]),
    ]
