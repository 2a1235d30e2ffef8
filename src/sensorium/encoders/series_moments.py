"""Signals by what they are on average and how much they vary: for few and short ones."""

from typing import ClassVar

from torch import nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, one_token
from sensorium.nn.levels import statistics
from sensorium.nn.mlp import MLP
from sensorium.nn.norm import BatchNorm


class SeriesMoments(Encoder):
    """The mean and the deviation of each channel over time, and a small network."""

    kinds: ClassVar[frozenset[str]] = frozenset({"series"})

    def __init__(self, width: int, hidden: int = 64, dropout: float = 0.5) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            hidden: features between the two layers.
            dropout: share of means, of deviations and of hidden features dropped while training.
        """
        super().__init__(width)
        self.hidden = hidden
        self.dropout = dropout

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        count = 2 * layout.channels
        self.norm = BatchNorm(count, momentum=0.05)
        self.drop = nn.Dropout(self.dropout)
        self.mlp = MLP(count, self.hidden, self.width, self.dropout)

    def encode(self, column: Column) -> Encoded:
        """Encode signals, Float[batch time channels]."""
        found = statistics(column.values.transpose(1, 2), column.mask)
        known = self.drop(self.norm(found.to(self.norm.weight.dtype)))
        return one_token(self.mlp(known), column)
