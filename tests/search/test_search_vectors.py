"""Exact search: against a plain sort, in every way that it goes about it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensorium import search
from sensorium.core.errors import ArtifactError
from sensorium.search import glance
from sensorium.search import vectors as vectors_module
from sensorium.search.vectors import BATCH, Vectors, unit


def some(rows: int, width: int = 24, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)


def plainly(vectors: np.ndarray, queries: np.ndarray, top: int, among: np.ndarray) -> np.ndarray:
    similar = unit(queries).astype(np.float64) @ unit(vectors[among]).astype(np.float64).T
    return among[np.argsort(-similar, axis=1, kind="stable")[:, :top]]


@pytest.fixture(params=[True, False], ids=["8 bits", "32 bits"])
def products(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processor have small products, or lack them."""
    for module in (glance, vectors_module):
        monkeypatch.setattr(module, "has_small_products", lambda: request.param)


@pytest.mark.usefixtures("products")
@pytest.mark.parametrize("queries", [1, BATCH - 1, BATCH, 70])
@pytest.mark.parametrize("share", [1.0, 0.3, 0.1])
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


@pytest.mark.usefixtures("products")
def test_blocks_and_lots_of_queries_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, small in {"BLOCK": 96, "MANY": 20}.items():
        monkeypatch.setattr(vectors_module, name, small)
    for name, small in {"STEP": 32, "CHUNK": 7}.items():
        monkeypatch.setattr(glance, name, small)
    vectors, asked = some(700), some(50, seed=1)
    among = np.flatnonzero(np.random.default_rng(2).random(700) < 0.6)
    file = Vectors(tmp_path / "v", 24)
    for start, stop in ((0, 300), (300, 350), (350, 700)):  # rounded blocks are kept in between
        file.append(vectors[start:stop])
        there = among[among < file.count]
        places, _ = file.nearest(asked, 3, there)
        assert places.tolist() == plainly(vectors, asked, 3, there).tolist()


@pytest.mark.usefixtures("products")
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.integers(0, 2**31),
    st.sampled_from([1e-3, 0.02, 0.3, 10.0]),
    st.sampled_from(["plain", "spiked", "negative"]),
    st.integers(1, 8),
)
def test_however_near_they_lie_they_are_the_nearest_that_64_bits_find(
    seed: int, spread: float, form: str, top: int
) -> None:
    """Near twins of the query, numbers far larger than the others, and none that is near at all."""
    import tempfile  # noqa: PLC0415

    random = np.random.default_rng(seed)
    centre = random.normal(size=(1, 24))
    vectors = (centre + spread * random.normal(size=(640, 24))).astype(np.float32)
    asked = (centre + spread * random.normal(size=(BATCH, 24))).astype(np.float32)
    if form == "spiked":
        vectors[random.integers(0, 640, 40), random.integers(0, 24, 40)] *= 50
    if form == "negative":
        asked = -asked
    with tempfile.TemporaryDirectory() as folder:
        file = Vectors(Path(folder) / "v", 24)
        file.append(vectors)
        places, _ = file.nearest(asked, top, np.arange(640))
    similar = unit(asked).astype(np.float64) @ unit(vectors).astype(np.float64).T
    truth = -np.sort(-similar, axis=1)[:, :top]
    off = 2 * 24 * 2.0**-24  # of two sums of 24 products in 32 bits, by which they are told apart
    assert np.take_along_axis(similar, places, 1) == pytest.approx(truth, abs=off)


def test_no_product_leaves_the_bound_that_rules_vectors_out() -> None:
    for seed, width in ((0, 3), (1, 24), (2, 384)):
        vectors, asked = unit(some(200, width, seed)), unit(some(40, width, seed + 9))
        vectors[0], asked[0] = 0, 0
        left, right = glance.rounded(vectors), glance.rounded(asked)
        if left.values.dtype != torch.int8:
            pytest.skip("no products in 8 bits on this processor")
        steps = left.values.double() @ right.values.double().T * left.step * right.step
        off = np.abs(steps.numpy() - vectors.astype(float) @ asked.astype(float).T)
        assert off.max() <= left.error + right.error * (1 + left.error)


@pytest.mark.usefixtures("products")
@pytest.mark.parametrize("rows", [300, 5_000])
def test_what_is_no_number_leaves_the_others_as_they_are(tmp_path: Path, rows: int) -> None:
    vectors, asked = some(rows), some(BATCH, seed=1)
    file = Vectors(tmp_path / "v", 24)
    file.append(vectors)
    right = file.nearest(asked, 3, np.arange(rows))[0]
    asked[0] = np.nan
    places, similar = file.nearest(asked, 3, np.arange(rows))
    assert places[1:].tolist() == right[1:].tolist()
    assert np.isnan(similar[0]).all()
    broken = Vectors(tmp_path / "w", 24)
    vectors[7] = np.nan
    broken.append(vectors)
    places, similar = broken.nearest(asked[1:].repeat(2, 0), 4, np.arange(rows))
    others = [[place for place in row if place != 7][:3] for row in places.tolist()]
    assert others == right[1:].repeat(2, 0).tolist()


def test_a_crowd_too_dense_for_8_bits_is_told_apart_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not glance.has_small_products():
        pytest.skip("no products in 8 bits on this processor")
    asked_again = list[int]()
    closely = Vectors._closely

    def noted(self: Vectors, queries: np.ndarray, *rest: Any) -> Any:
        asked_again.append(len(queries))
        return closely(self, queries, *rest)

    monkeypatch.setattr(Vectors, "_closely", noted)
    monkeypatch.setattr(glance, "CROWD", 0)
    centre = some(1)
    crowd = np.concatenate([centre + 0.02 * some(600, seed=1), some(300, seed=3)])
    file = Vectors(tmp_path / "v", 24)
    file.append(crowd)
    near = np.repeat(centre, BATCH, 0) + 0.02 * some(BATCH, seed=2)
    asked = np.concatenate([near, crowd[600:604]])
    places, similar = file.nearest(asked, 3, np.arange(900))
    assert asked_again == [BATCH]
    assert places.tolist() == plainly(crowd, asked, 3, np.arange(900)).tolist()
    assert (np.diff(similar, axis=1) <= 0).all()


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


def test_the_alias_of_several_vectors_is_defined_once() -> None:
    room = Path(search.__file__).parent
    lines = [line for file in room.glob("*.py") for line in file.read_text("utf-8").splitlines()]
    assert len([line for line in lines if line.startswith("Matrix = ")]) == 1
