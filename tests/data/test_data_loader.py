"""The order of rows and the loader: every row once, shards apart, faults and early stops."""

import threading
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.core.errors import PlanError
from sensorium.data.loader import Loader
from sensorium.data.order import order, step_count

PLANS = st.fixed_dictionaries(
    {
        "rows": st.integers(1, 300),
        "rows_per_step": st.integers(1, 40),
        "seed": st.integers(0, 5),
        "epoch": st.integers(0, 3),
    }
)


def met(steps: Sequence[np.ndarray]) -> list[int]:
    return [int(row) for step in steps for row in step]


@settings(deadline=None)
@given(PLANS, st.booleans())
def test_each_row_comes_once_an_epoch_and_no_step_is_too_large(plan, bucketed):
    lengths = np.arange(plan["rows"]) % 17 if bucketed else None
    steps = order(**plan, lengths=lengths)
    assert sorted(met(steps)) == list(range(plan["rows"]))
    assert all(1 <= len(step) <= plan["rows_per_step"] for step in steps)
    assert len(steps) == -(-plan["rows"] // plan["rows_per_step"])


@settings(deadline=None)
@given(PLANS, st.integers(1, 5), st.booleans())
def test_shards_are_disjoint_and_have_equally_many_steps(plan, processes, bucketed):
    lengths = np.arange(plan["rows"]) % 17 if bucketed else None
    shards = [order(**plan, lengths=lengths, shard=(at, processes)) for at in range(processes)]
    assert len({len(steps) for steps in shards}) == 1
    together = [row for steps in shards for row in met(steps)]
    assert set(together) == set(range(plan["rows"]))
    if plan["rows"] >= processes:
        assert len(together) == plan["rows"]


@settings(deadline=None)
@given(PLANS, st.integers(1, 3))
def test_drop_last_leaves_only_full_steps(plan, processes):
    steps = order(**plan, shard=(0, processes), drop_last=True)
    if plan["rows"] >= plan["rows_per_step"] * processes:
        assert {len(step) for step in steps} == {plan["rows_per_step"]}


@given(st.integers(1, 300), st.integers(1, 40), st.integers(1, 5), st.booleans())
def test_the_length_is_told_without_the_order(rows, rows_per_step, processes, drop_last):
    steps = order(rows, rows_per_step, shard=(0, processes), drop_last=drop_last)
    assert step_count(rows, rows_per_step, processes, drop_last=drop_last) == len(steps)


def test_a_small_remainder_is_evened_out():
    assert [len(step) for step in order(129, 64)] == [64, 33, 32]
    assert [len(step) for step in order(120, 64)] == [64, 56]


def test_same_seed_and_epoch_same_order_else_another():
    first = met(order(100, 8, seed=3, epoch=1))
    assert first == met(order(100, 8, seed=3, epoch=1))
    assert first != met(order(100, 8, seed=4, epoch=1))
    assert first != met(order(100, 8, seed=3, epoch=2))


def test_buckets_pad_little_and_still_mix():
    lengths = np.random.default_rng(0).integers(1, 500, 4_000)

    def waste(steps: Sequence[np.ndarray]) -> float:
        padded = sum(len(step) * int(lengths[step].max()) for step in steps)
        return padded / int(lengths.sum()) - 1

    bucketed = order(4_000, 16, lengths=lengths)
    assert waste(bucketed) < 0.05
    assert waste(order(4_000, 16)) > 0.5
    means = [float(lengths[step].mean()) for step in bucketed]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rows": 0}, "at least one"),
        ({"rows_per_step": 0}, "at least one"),
        ({"lengths": [1, 2]}, "2 lengths for 10 rows"),
        ({"shard": (2, 2)}, "process 2 of 2"),
    ],
)
def test_arguments_that_cannot_be(change, said):
    with pytest.raises(PlanError, match=said):
        order(**{"rows": 10, "rows_per_step": 4, **change})


def test_the_loader_gives_the_batches_in_order_and_resumes():
    whole = list(Loader(tuple, rows=50, rows_per_step=8, seed=1))
    assert whole == [tuple(step.tolist()) for step in order(50, 8, seed=1)]
    loader: Loader[tuple[int, ...]] = Loader(tuple, rows=50, rows_per_step=8, seed=1, start=3)
    assert len(loader) == len(whole) - 3
    assert list(loader) == whole[3:]


def test_a_fault_is_raised_where_its_batch_would_have_come():
    def fetch(rows: Sequence[int]) -> int:
        if 7 in rows:
            raise OSError("row 7 is gone")
        return len(rows)

    steps = order(40, 4)
    place = next(i for i, step in enumerate(steps) if 7 in step)
    came: list[int] = []
    batches = iter(Loader(fetch, rows=40, rows_per_step=4))
    with pytest.raises(OSError, match="row 7"):
        came.extend(batches)
    assert len(came) == place


def test_stopping_early_fetches_no_more_and_ends_the_thread():
    fetched = []

    def fetch(rows: Sequence[int]) -> int:
        fetched.append(len(rows))
        return len(rows)

    batches = iter(Loader(fetch, rows=1_000, rows_per_step=4))
    next(batches)
    batches.close()
    assert len(fetched) <= 1 + Loader.ahead
    assert not [t for t in threading.enumerate() if t.name.startswith("sensorium-loader")]


def test_the_next_batch_is_fetched_while_one_is_used():
    second = threading.Event()

    def fetch(rows: Sequence[int]) -> int:
        if fetch.calls == 1:
            second.set()
        fetch.calls += 1
        return len(rows)

    fetch.calls = 0
    batches = iter(Loader(fetch, rows=100, rows_per_step=10))
    next(batches)
    assert second.wait(5)
    batches.close()
