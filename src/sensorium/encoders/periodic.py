"""Numbers by sines and cosines of learned frequencies (Gorishniy et al. 2022, "PLR")."""

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, one_token


class Periodic(Encoder):
    """[sin(2 pi c x), cos(2 pi c x)] for learned c, the number itself, one linear layer, ReLU."""

    kinds: ClassVar[frozenset[str]] = frozenset({"number"})

    def __init__(self, width: int, frequencies: int = 16, sigma: float = 0.3) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            frequencies: how many frequencies c.
            sigma: deviation of the normal distribution that they start from.
        """
        super().__init__(width)
        self.frequencies = frequencies
        self.sigma = sigma

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        self.rates = nn.Parameter(torch.randn(layout.channels, self.frequencies) * self.sigma)
        self.linear = nn.Linear(layout.channels * (2 * self.frequencies + 1), self.width)

    def encode(self, column: Column) -> Encoded:
        """Encode numbers, Float[batch channels]."""
        values = column.values.to(self.rates.dtype)
        angles = 2 * math.pi * values.unsqueeze(-1) * self.rates
        waves = torch.cat([angles.sin(), angles.cos(), values.unsqueeze(-1)], -1)
        return one_token(F.relu(self.linear(waves.flatten(1))), column)
