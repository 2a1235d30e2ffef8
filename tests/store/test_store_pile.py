import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sensorium.core.errors import TrainingError
from sensorium.store import Budget, Pile

Rows = list[NDArray[Any] | None]


def rows_of(lengths: list[int | None], rest: tuple[int, ...] = (3,)) -> Rows:
    """Make rows of the given lengths, all numbers different."""
    made: Rows = []
    start = 0
    for length in lengths:
        if length is None:
            made.append(None)
            continue
        size = length * int(np.prod(rest))
        made.append(np.arange(start, start + size, dtype=np.int32).reshape(length, *rest))
        start += size
    return made


def same(found: Any, expected: Any) -> bool:
    if expected is None or found is None:
        return found is expected
    return bool(found.dtype == expected.dtype and np.array_equal(found, expected))


LENGTHS = st.lists(st.one_of(st.none(), st.integers(0, 5)), max_size=12)


@given(lengths=LENGTHS, block=st.integers(1, 5), budget=st.sampled_from([0, 60, 10**6]))
@settings(max_examples=60, deadline=None)
def test_rows_come_back_as_they_were(lengths: list[int | None], block: int, budget: int) -> None:
    rows = rows_of(lengths)
    pile = Pile(Budget(budget))
    for start in range(0, len(rows), block):
        pile.add(rows[start : start + block])
        for number, row in enumerate(rows[: start + block]):
            assert same(pile[number], row)
    assert len(pile) == len(rows)
    assert pile.lengths.tolist() == [-1 if row is None else len(row) for row in rows]
    assert pile.present.tolist() == [row is not None for row in rows]


def test_what_goes_beyond_the_budget_lies_in_a_file(tmp_path: Path) -> None:
    rows = rows_of([2, 3, None, 4])
    budget = Budget(100)
    pile = Pile(budget, tmp_path)
    pile.add(rows[:2])
    assert not pile.on_disk
    assert budget.left == 100 - 5 * 3 * 4
    pile.add(rows[2:])
    assert pile.on_disk
    (file,) = tmp_path.rglob("rows")
    assert file.stat().st_size == 4 * 3 * 4
    other = Pile(budget, tmp_path)
    other.add(rows_of([3]))
    assert not other.on_disk
    assert all(same(pile[number], row) for number, row in enumerate(rows))


def test_the_file_goes_away_with_the_pile(tmp_path: Path) -> None:
    pile = Pile(Budget(0), tmp_path)
    pile.add(rows_of([4]))
    assert list(tmp_path.iterdir())
    del pile
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_rows_of_the_file_cannot_be_written_to(tmp_path: Path) -> None:
    pile = Pile(Budget(0), tmp_path)
    pile.add(rows_of([4]))
    row = pile[0]
    assert row is not None
    with pytest.raises(ValueError, match="read-only"):
        row[0] = 1


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    pile = Pile(Budget(0), tmp_path / "no" / "such")
    with pytest.raises(TrainingError, match="could not be written") as fault:
        pile.add(rows_of([4]))
    assert "disk space" in str(fault.value)


def test_a_full_disk_is_named() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full")
    pile = Pile(Budget(0))
    pile.add(rows_of([1]))
    pile._file = full
    with pytest.raises(TrainingError, match="No space left"):
        pile.add(rows_of([100_000]))
