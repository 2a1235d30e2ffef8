"""Sound by a residual convolution network over its log-mel spectrogram: tokens over time."""

from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, as_encoded
from sensorium.encoders.hearing import Hearing
from sensorium.nn.masks import masked_max
from sensorium.nn.norm import BatchNorm
from sensorium.nn.residual import Residual2d


class Spectrogram(Encoder):
    """Each token is a moment's features plus the clip's largest, so that their mean holds both."""

    kinds: ClassVar[frozenset[str]] = frozenset({"audio"})

    def __init__(
        self,
        width: int,
        stages: tuple[int, ...] = (16, 32, 64, 128),
        dropout: float = 0.1,
        mels: int = 64,
        hop: float = 0.0,
        mask_share: float = 0.2,
        warp_share: float = 0.1,
    ) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            stages: channels of each stage; each halves time and frequency.
            dropout: share of features dropped while training.
            mels: frequency bands.
            hop: from frame to frame, seconds; 0 takes 10 ms, more for long sounds.
            mask_share: the widest band of time and of frequency hidden while training.
            warp_share: the most by which frequencies are stretched while training.
        """
        super().__init__(width)
        self.stages = stages
        self.dropout = dropout
        self.mels = mels
        self.hop = hop
        self.mask_share = mask_share
        self.warp_share = warp_share

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        self.hear = Hearing(layout, self.mels, self.hop, self.mask_share, self.warp_share)
        first, last = self.stages[0], self.stages[-1]
        self.stem = nn.Conv2d(1, first, 3, 2, 1, bias=False)
        self.norm = BatchNorm(first)
        self.blocks = nn.ModuleList([Residual2d(first, first)])
        self.blocks.extend(Residual2d(a, b, 2) for a, b in pairwise(self.stages))
        self.drop = nn.Dropout(self.dropout)
        self.mean = nn.Linear(last, self.width)
        self.largest = nn.Linear(last, self.width, bias=False)

    def encode(self, column: Column) -> Encoded:
        """Encode sounds, Float[batch samples] from -1 to 1."""
        heard = self.hear(column)
        mask = heard.mask[:, ::2]
        x = heard.mels.unsqueeze(1).to(memory_format=torch.channels_last)
        x = F.relu(self.norm(self.stem(x), mask.unsqueeze(1)))
        for number, block in enumerate(self.blocks):
            mask = mask[:, ::2] if number else mask
            x = block(x, mask.unsqueeze(1))
        steps = self.drop(x.mean(2).transpose(1, 2))
        tokens = self.mean(steps) + self.largest(masked_max(steps, mask)).unsqueeze(1)
        return as_encoded(tokens, mask, column)
