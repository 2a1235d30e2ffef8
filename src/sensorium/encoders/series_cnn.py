"""Signals by a temporal convolution network: dilated residual convolutions, then fewer tokens."""

import math
from typing import ClassVar

import torch.nn.functional as F
from torch import nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, as_encoded
from sensorium.nn.masks import masked_max
from sensorium.nn.norm import BatchNorm
from sensorium.nn.patches import patch_mask, shorten
from sensorium.nn.residual import Residual1d

TOKENS = 64
"""At most about as many tokens come out of a signal."""


def steps_per_token(length: int) -> int:
    """Choose how many steps of a signal one token stands for."""
    return max(1, math.ceil(length / TOKENS))


class SeriesCNN(Encoder):
    """Each block looks twice as far as the one before (Bai et al. 2018)."""

    kinds: ClassVar[frozenset[str]] = frozenset({"series"})

    def __init__(
        self,
        width: int,
        features: int = 64,
        depth: int = 3,
        kernel: int = 5,
        dropout: float = 0.1,
    ) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            features: channels of the convolutions.
            depth: residual blocks, of dilation 1, 2, 4 and so on.
            kernel: steps that a convolution sees; odd.
            dropout: share of features dropped while training.
        """
        super().__init__(width)
        self.features = features
        self.depth = depth
        self.kernel = kernel
        self.dropout = dropout

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        self.size = steps_per_token(layout.length)
        many, kernel = self.features, self.kernel
        self.stem = nn.Conv1d(layout.channels, many, kernel, padding=kernel // 2, bias=False)
        self.norm = BatchNorm(many)
        self.blocks = nn.ModuleList(
            Residual1d(many, kernel, 2**i, self.dropout) for i in range(self.depth)
        )
        self.mean = nn.Linear(many, self.width)
        self.largest = nn.Linear(many, self.width, bias=False)

    def encode(self, column: Column) -> Encoded:
        """Encode signals, Float[batch time channels]."""
        mask = column.mask
        values = column.values.to(self.stem.weight.dtype).transpose(1, 2)
        x = F.relu(self.norm(self.stem(values * mask.unsqueeze(1)), mask))
        for block in self.blocks:
            x = block(x, mask)
        steps = shorten(x.transpose(1, 2), mask, self.size)
        mask = patch_mask(mask, self.size)
        tokens = self.mean(steps) + self.largest(masked_max(steps, mask)).unsqueeze(1)
        return as_encoded(tokens, mask, column)
