"""Mixing rows of a batch with partners: mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019).

Only inputs are mixed here; the loss mixes the targets by the same share.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Generator, Tensor

from sensorium.core.batch import Batch, Column
from sensorium.preprocess.vary_image import uniform


def mixed(batch: Batch, names: Sequence[str], partner: Tensor, share: float) -> Batch:
    """Average each row with its partner.

    Args:
        batch: the batch; it is left as it is.
        names: the columns to mix. Ids cannot be averaged and stay; so does a cell whose partner is
            absent.
        partner: the partner of each row, a permutation, Int[batch].
        share: the share of the row itself, 0..1.
    """
    columns = {name: _mixed(batch.columns[name], partner, share) for name in names}
    return replace(batch, columns={**batch.columns, **columns})


def cutmixed(
    batch: Batch, names: Sequence[str], partner: Tensor, share: float, generator: Generator
) -> tuple[Batch, float]:
    """Paste a rectangle of each partner's picture into the row's own.

    Args:
        batch: the batch; it is left as it is.
        names: the columns; those that are not pictures stay.
        partner: the partner of each row, a permutation, Int[batch].
        share: the share of the area that the row's own picture shall keep, 0..1.
        generator: draws where the rectangle lies.

    Returns:
        The batch, and the share of the area that was really kept: 1 where no column is a picture.
    """
    draws = uniform(2, 0, 1, generator).tolist()
    columns, kept = dict(batch.columns), 1.0
    for name in names:
        if batch.columns[name].values.ndim == 4:
            columns[name], kept = _pasted(batch.columns[name], partner, share, draws)
    return replace(batch, columns=columns), kept


def _mixed(column: Column, partner: Tensor, share: float) -> Column:
    own, other = column.values, column.values[partner]
    if not own.is_floating_point() and own.dtype != torch.uint8:
        return column
    both = (column.present & column.present[partner]).reshape(-1, *[1] * (own.ndim - 1))
    blend = share * own + (1 - share) * other
    blend = blend if own.is_floating_point() else blend.round()
    mask = column.mask | (column.mask[partner] & column.present[:, None])
    return replace(column, values=torch.where(both, blend.to(own.dtype), own), mask=mask)


def _pasted(
    column: Column, partner: Tensor, share: float, centre: Sequence[float]
) -> tuple[Column, float]:
    height, width = column.values.shape[-2:]
    side = (1 - share) ** 0.5
    edges = []
    for length, middle in zip((height, width), centre, strict=True):
        half = side * length / 2
        first, last = middle * length - half, middle * length + half
        edges.append((max(0, round(first)), min(length, round(last))))
    (top, bottom), (left, right) = edges
    both = (column.present & column.present[partner])[:, None, None, None]
    values = column.values.clone()
    patch = (..., slice(top, bottom), slice(left, right))
    values[patch] = torch.where(both, column.values[partner][patch], values[patch])
    kept = 1 - (bottom - top) * (right - left) / (height * width)
    return replace(column, values=values), kept
