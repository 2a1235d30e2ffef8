"""Pictures by a small plain convolution network: one token a place of the last grid."""

from itertools import pairwise
from typing import ClassVar

import torch
from torch import nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder
from sensorium.encoders.pixels import Pixels, grid_tokens
from sensorium.nn.descriptors import Descriptors
from sensorium.nn.levels import Levels, statistics
from sensorium.nn.norm import BatchNorm


class ConvNet(Encoder):
    """Convolution, norm, ReLU and pooling, a few times over.

    To each token comes what the statistics of every level say of the whole picture, and, if asked
    for, what its colours, outlines and textures say.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"image"})

    def __init__(
        self, width: int, stages: tuple[int, ...] = (16, 32, 64), *, described: bool = False
    ) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            stages: channels of each stage; every stage halves the picture's side.
            described: add a histogram of colours, oriented gradients and local binary patterns,
                which need no learning: for few pictures.
        """
        super().__init__(width)
        self.stages = stages
        self.described = described

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        self.pixels = Pixels()
        sizes = (layout.channels, *self.stages)
        self.trunk = nn.ModuleList(_stage(channels, out) for channels, out in pairwise(sizes))
        self.levels = Levels(sizes, self.width)
        self.out = nn.Conv2d(sizes[-1], self.width, 1)
        self.descriptors = Descriptors(layout.channels, self.width) if self.described else None

    def encode(self, column: Column) -> Encoded:
        """Encode pictures."""
        x = self.pixels(column.values)
        found = [statistics(x)]
        for stage in self.trunk:
            x = stage(x)
            found.append(statistics(x))
        whole = self.levels(found)
        if self.descriptors is not None:
            whole = whole + self.descriptors(column.values)
        tokens = grid_tokens(self.out(x)) + whole.unsqueeze(1)
        mask = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        return Encoded(tokens, mask, column.present)


def _stage(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, 3, padding=1, bias=False),
        nn.MaxPool2d(2, ceil_mode=True),  # before the norm: a quarter of the places to go through
        BatchNorm(out),
        nn.ReLU(inplace=True),
    )
