"""Modality dropout: cells hidden at random while training, so that a model learns to do without.

Neverova et al., "ModDrop", 2015.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch

from sensorium.core.batch import Batch


def hidden(batch: Batch, names: Sequence[str], share: float, generator: torch.Generator) -> Batch:
    """Hide a share of the input cells; a row keeps at least one that it has.

    Args:
        batch: the batch; its targets are left alone.
        names: the input columns.
        share: how many of the present cells to hide, 0..1.
        generator: draws which.
    """
    if share <= 0 or len(names) < 2:
        return batch
    present = torch.stack([batch.columns[name].present for name in names], 1)
    chance = torch.rand(present.shape, generator=generator).to(present.device)
    chance = chance.masked_fill(~present, -1.0)
    keep = present & ((chance >= share) | (chance == chance.amax(1, keepdim=True)))
    columns = {
        name: replace(batch.columns[name], present=keep[:, number])
        for number, name in enumerate(names)
    }
    return replace(batch, columns={**batch.columns, **columns})
