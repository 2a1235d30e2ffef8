"""Random changes to sounds, Float[batch time], and signals, Float[batch time channels].

What is padding stays 0. ``mask`` stays as it is, but for ``window``, which hides steps, and
``speed``, which makes more or fewer of them.
"""

from dataclasses import replace

import torch
from torch import Generator, Tensor

from sensorium.core.batch import Column
from sensorium.preprocess.vary_image import uniform


def shift(column: Column, generator: Generator) -> Column:
    """Move a sound by up to a tenth of its length; silence comes in."""
    lengths = column.mask.sum(1)
    by = uniform(len(lengths), -0.1, 0.1, generator).to(lengths.device) * lengths
    source = torch.arange(column.mask.shape[1], device=lengths.device) - by.round().long()[:, None]
    inside = (source >= 0) & (source < lengths[:, None])
    moved = column.values.gather(1, source.clamp(0, column.mask.shape[1] - 1))
    return replace(column, values=moved * (inside & column.mask))


def speed(column: Column, generator: Generator) -> Column:
    """Play a sound up to 15 % faster or slower, all of it (Ko et al. 2015); pitch follows."""
    lengths = column.mask.sum(1)
    if not len(lengths):
        return column
    factor = uniform(len(lengths), 0.85, 1.15, generator).to(lengths.device)
    after = (lengths / factor).round().long().clamp(min=1)
    steps = torch.arange(int(after.max()), device=lengths.device)
    last = (lengths - 1).clamp(min=0)[:, None]
    place = torch.minimum(steps * factor[:, None], last)
    below = place.long()
    share = (place - below).to(column.values.dtype)
    mask = (steps < after[:, None]) & column.mask.any(1, keepdim=True)
    before, behind = (column.values.gather(1, at) for at in (below, (below + 1).minimum(last)))
    return replace(column, values=torch.lerp(before, behind, share) * mask, mask=mask)


def noise(column: Column, generator: Generator) -> Column:
    """Add white noise, 15 to 40 dB below the sound."""
    values = column.values
    power = values.square().sum(1) / column.mask.sum(1).clamp(min=1)
    below = uniform(len(values), 15, 40, generator).to(values.device)
    loud = (power.sqrt() * 10 ** (-below / 20))[:, None]
    return replace(column, values=values + _normal(column, generator) * loud * column.mask)


def gain(column: Column, generator: Generator) -> Column:
    """Make a sound louder or softer by up to 6 dB, without going beyond -1..1."""
    values = column.values
    decibels = uniform(len(values), -6, 6, generator).to(values.device)
    return replace(column, values=(values * 10 ** (decibels[:, None] / 20)).clamp(-1, 1))


def jitter(column: Column, generator: Generator) -> Column:
    """Add normal noise of a tenth of a standard deviation to a signal."""
    moved = column.values + 0.1 * _normal(column, generator)
    return replace(column, values=moved * column.mask.unsqueeze(-1))


def scale(column: Column, generator: Generator) -> Column:
    """Multiply each channel of a signal by a factor near 1 (deviation 0.1)."""
    values = column.values
    factor = 1 + 0.1 * torch.randn(len(values), 1, values.shape[2], generator=generator)
    return replace(column, values=values * factor.to(values.device))


def window(column: Column, generator: Generator) -> Column:
    """Show a stretch of 40 to 100 % of a signal and hide the rest."""
    lengths = column.mask.sum(1).cpu()
    share = uniform(len(lengths), 0.4, 1, generator)
    first = uniform(len(lengths), 0, 1, generator) * (1 - share) * lengths
    last = torch.maximum(first + share * lengths, first + 1)
    steps = torch.arange(column.mask.shape[1])
    seen = (steps >= first.floor()[:, None]) & (steps < last[:, None])
    mask = column.mask & seen.to(column.mask.device)
    return replace(column, values=column.values * mask.unsqueeze(-1), mask=mask)


def _normal(column: Column, generator: Generator) -> Tensor:
    return torch.randn(column.values.shape, generator=generator).to(column.values.device)
