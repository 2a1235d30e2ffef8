"""Clean arrays of single rows -> one Column. None is a row that is not present, filled with 0."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped

from sensorium.core.batch import Column

Row = Shaped[np.ndarray, " ..."]


def dense(
    rows: Sequence[Row | None], shape: tuple[int, ...], dtype: type[np.generic] | np.dtype[Any]
) -> Column:
    """Stack rows of one shape; ``mask`` has one step a row.

    Args:
        rows: arrays of ``shape``, or None.
        shape: the shape of one row.
        dtype: the type of the values.
    """
    values = np.zeros((len(rows), *shape), dtype)
    present = np.zeros(len(rows), np.bool_)
    for place, row in enumerate(rows):
        if row is not None:
            values[place] = row
            present[place] = True
    there = torch.from_numpy(present)
    return Column(torch.from_numpy(values), there.unsqueeze(1), there)


def ragged(
    rows: Sequence[Row | None], rest: tuple[int, ...], dtype: type[np.generic] | np.dtype[Any]
) -> Column:
    """Stack rows of unequal length, padded with 0 to the longest.

    Args:
        rows: arrays of shape [time, *rest], or None.
        rest: the shape of one time step.
        dtype: the type of the values.
    """
    lengths = np.array([0 if row is None else len(row) for row in rows], np.int64)
    longest = int(lengths.max(initial=1))
    values = np.zeros((len(rows), longest, *rest), dtype)
    for place, row in enumerate(rows):
        if row is not None:
            values[place, : len(row)] = row
    mask = torch.from_numpy(np.arange(longest)[None, :] < lengths[:, None])
    present = torch.tensor([row is not None for row in rows], dtype=torch.bool)
    return Column(torch.from_numpy(values), mask, present)
