"""Pictures by a small residual network: one token a place of the last grid."""

from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder
from sensorium.encoders.pixels import Pixels, grid_tokens
from sensorium.nn.levels import Levels, statistics
from sensorium.nn.norm import BatchNorm
from sensorium.nn.residual import Residual2d

LARGE = 48
"""Pictures of this side, px, and more are halved by the first convolution."""


class ResNet(Encoder):
    """A first convolution, then stages of residual blocks, each coarser and wider than the last.

    He et al. 2016, made for pictures of 32 to 128 px. To each token comes what the statistics of
    every level say of the whole picture.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"image"})

    def __init__(
        self,
        width: int,
        stages: tuple[int, ...] = (32, 64, 128),
        depth: int = 1,
        dropout: float = 0.0,
    ) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            stages: channels of each stage; each but the first halves the side.
            depth: residual blocks a stage.
            dropout: share of the channels of the last grid dropped while training.
        """
        super().__init__(width)
        self.stages = stages
        self.depth = depth
        self.dropout = dropout

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        self.pixels = Pixels()
        first = self.stages[0]
        stride = 2 if layout.length >= LARGE else 1
        self.stem = nn.Conv2d(layout.channels, first, 3, stride, 1, bias=False)
        self.norm = BatchNorm(first)
        sizes = pairwise((first, *self.stages))
        self.trunk = nn.ModuleList(
            _stage(channels, out, 2 if number else 1, self.depth)
            for number, (channels, out) in enumerate(sizes)
        )
        self.levels = Levels((layout.channels, *self.stages), self.width)
        self.drop = nn.Dropout2d(self.dropout)
        self.out = nn.Conv2d(self.stages[-1], self.width, 1)

    def encode(self, column: Column) -> Encoded:
        """Encode pictures, UInt8[batch channels height width]."""
        x = self.pixels(column.values)
        found = [statistics(x)]
        x = F.relu(self.norm(self.stem(x)))
        for stage in self.trunk:
            x = stage(x)
            found.append(statistics(x))
        tokens = grid_tokens(self.out(self.drop(x))) + self.levels(found).unsqueeze(1)
        mask = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        return Encoded(tokens, mask, column.present)


def _stage(channels: int, out: int, stride: int, depth: int) -> nn.Sequential:
    first = Residual2d(channels, out, stride)
    return nn.Sequential(first, *(Residual2d(out, out) for _ in range(depth - 1)))
