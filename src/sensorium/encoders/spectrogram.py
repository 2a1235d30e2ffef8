"""Sound by a residual convolution network over its log-mel spectrogram: tokens over time."""

from itertools import pairwise
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, as_encoded
from sensorium.encoders.logmel import LogMel
from sensorium.nn.masks import masked_max
from sensorium.nn.residual import Residual, keep

FRAMES = 256
"""About as many frames as a sound gets when the hop is left to choose."""


def choose_hop(seconds: float) -> float:
    """Choose the hop: 10 ms for words, longer for long sounds."""
    return max(0.010, round(seconds / FRAMES, 3))


class Spectrogram(Encoder):
    """Log-mel, less the clip's own mean; residual convolutions; mean and maximum over time."""

    kinds: ClassVar[frozenset[str]] = frozenset({"audio"})

    def __init__(
        self,
        width: int,
        mels: int = 64,
        window: float = 0.0,
        hop: float = 0.0,
        stages: tuple[int, ...] = (32, 64, 128),
        mask_share: float = 0.2,
        dropout: float = 0.1,
    ) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            mels: frequency bands.
            window: length of a frame, seconds; 0 takes 2.5 hops.
            hop: from frame to frame, seconds; 0 takes 10 ms, more for sounds over 2.5 s.
            stages: channels of each stage; each halves time and frequency.
            mask_share: the widest band of time and of frequency hidden while training, as a
                share of all (SpecAugment, Park et al. 2019).
            dropout: share of features dropped while training.
        """
        super().__init__(width)
        self.mels = mels
        self.window = window
        self.hop = hop
        self.stages = stages
        self.mask_share = mask_share
        self.dropout = dropout

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        hop = self.hop or choose_hop(layout.length / layout.rate)
        self.logmel = LogMel(layout.rate, self.mels, self.window or 2.5 * hop, hop)
        self.scale = nn.BatchNorm1d(self.mels)
        self.stem = nn.Conv2d(1, self.stages[0], 3, padding=1, bias=False)
        sizes = (self.stages[0], *self.stages)
        self.blocks = nn.ModuleList(Residual(a, b, 2) for a, b in pairwise(sizes))
        self.drop = nn.Dropout(self.dropout)
        self.mean = nn.Linear(self.stages[-1], self.width)
        self.largest = nn.Linear(self.stages[-1], self.width, bias=False)

    def encode(self, column: Column) -> Encoded:
        """Encode sounds, Float[batch samples] from -1 to 1."""
        mask = self.logmel.frames(column.mask)
        mels = centre(self.logmel(column.values, column.mask), mask)
        mels = keep(self.scale(mels), mask)
        if self.training and self.mask_share > 0:
            mels = hide_bands(mels, self.mask_share)
        x = self.stem(mels.unsqueeze(1).to(memory_format=torch.channels_last))
        for block in self.blocks:
            mask = mask[:, ::2]
            x = block(x, mask.unsqueeze(1))
        steps = self.drop(x.mean(2).transpose(1, 2))
        tokens = self.mean(steps) + self.largest(masked_max(steps, mask)).unsqueeze(1)
        return as_encoded(tokens, mask, column)


def centre(
    mels: Float[Tensor, " batch mels frames"], mask: Bool[Tensor, " batch frames"]
) -> Float[Tensor, " batch mels frames"]:
    """Subtract the clip's mean over its real frames, so that loudness does not matter."""
    real = mask.unsqueeze(1)
    mean = (mels * real).sum((1, 2), keepdim=True) / (
        real.sum((1, 2), keepdim=True) * mels.shape[1]
    )
    return (mels - mean) * real


def hide_bands(
    mels: Float[Tensor, " batch mels frames"], share: float
) -> Float[Tensor, " batch mels frames"]:
    """Set one random band of time and one of frequency to 0, in each row its own."""
    for dim in (1, 2):
        mels = mels.masked_fill(_band(mels, dim, share), 0.0)
    return mels


def _band(x: Tensor, dim: int, share: float) -> Tensor:
    size = x.shape[dim]
    width = torch.rand(len(x), 1, device=x.device) * share * size
    start = torch.rand(len(x), 1, device=x.device) * (size - width)
    steps = torch.arange(size, device=x.device)
    band = (steps >= start) & (steps < start + width)
    return band.unsqueeze(2 if dim == 1 else 1)
