"""The order in which an epoch meets its rows: shuffled, in buckets of like length, shared out.

The order depends on nothing but the arguments: the same seed and epoch give the same order on
every machine, and every process computes the whole of it and takes its own share.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Integer

from sensorium.core.counted import counted
from sensorium.core.errors import PlanError
from sensorium.core.seed import numpy_generator
from sensorium.data.column import Places

Lengths: TypeAlias = Sequence[int] | Integer[np.ndarray, " rows"]
"""One number a row: how long it is."""

WINDOW = 50
"""Rows are sorted by length inside windows of so many batches: enough to pad little, and few
enough that an epoch is still random."""


def order(
    rows: int,
    rows_per_step: int,
    *,
    lengths: Lengths | None = None,
    seed: int = 0,
    epoch: int = 0,
    shard: tuple[int, int] = (0, 1),
    drop_last: bool = False,
) -> list[Places]:
    """Give the rows of each step of an epoch, for one of several processes.

    Every row comes once an epoch, in just one process, and all processes have equally many steps.
    A small remainder is evened out over the last two steps, so that no step is tiny. (Only when
    there are fewer rows than processes do rows come more than once.)

    Args:
        rows: how many rows there are.
        rows_per_step: the most rows of a step in one process.
        lengths: one number a row; rows of like length then meet in a step, to pad little.
        seed: which random order.
        epoch: every epoch has its own order.
        shard: (this process, how many processes).
        drop_last: leave the remainder out, so that all steps are full.

    Errors:
        PlanError: no rows, or arguments that cannot be.
    """
    process, processes = shard
    _check(rows, rows_per_step, lengths, shard)
    random = numpy_generator(seed, "order", epoch)
    places = random.permutation(rows)
    if rows < processes:
        places = np.resize(places, processes)
    sizes = _sizes(len(places), rows_per_step, processes, drop_last=drop_last)
    if lengths is not None:
        places = _bucketed(places, np.asarray(lengths), WINDOW * rows_per_step * processes)
    steps = np.split(places, np.cumsum(sizes))[: len(sizes)]
    rounds = np.arange(len(steps) // processes)
    if lengths is not None:
        rounds = random.permutation(rounds)
    return [steps[place * processes + process] for place in rounds.tolist()]


def step_count(
    rows: int, rows_per_step: int, processes: int = 1, *, drop_last: bool = False
) -> int:
    """Count the steps of an epoch in each process, without computing its order."""
    rounds, left = divmod(max(rows, processes), rows_per_step * processes)
    return rounds + (1 if left and not (drop_last and rounds) else 0)


def _check(
    rows: int,
    rows_per_step: int,
    lengths: Lengths | None,
    shard: tuple[int, int],
) -> None:
    if rows < 1 or rows_per_step < 1:
        msg = f"{counted(rows, 'row')}, {rows_per_step} a step: there must be at least one of each"
        raise PlanError(msg)
    if lengths is not None and len(lengths) != rows:
        msg = f"{counted(len(lengths), 'length')} for {counted(rows, 'row')}: give one a row"
        raise PlanError(msg)
    if not 0 <= shard[0] < shard[1]:
        msg = f"process {shard[0]} of {shard[1]}: processes are counted from 0"
        raise PlanError(msg)


def _sizes(rows: int, rows_per_step: int, processes: int, *, drop_last: bool) -> list[int]:
    """Give the rows of each step of all processes, round by round."""
    whole = rows_per_step * processes
    rounds, left = divmod(rows, whole)
    if left and drop_last and rounds:
        left = 0
    last = 1 if left else 0
    if left and rounds and 2 * left < whole:
        rounds, left, last = rounds - 1, left + whole, 2
    return [rows_per_step] * (rounds * processes) + _evenly(left, last * processes)


def _evenly(rows: int, steps: int) -> list[int]:
    return [rows // steps + (place < rows % steps) for place in range(steps)]


def _bucketed(places: Places, lengths: Integer[np.ndarray, " rows"], window: int) -> Places:
    """Sort by length inside windows; equal lengths stay shuffled."""
    parts = [places[start : start + window] for start in range(0, len(places), window)]
    return np.concatenate([part[np.argsort(lengths[part], kind="stable")] for part in parts])
