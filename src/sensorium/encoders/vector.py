"""Vectors: features that were computed elsewhere, fitted to the common width."""

from typing import ClassVar

from torch import nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, one_token


class Vectors(Encoder):
    """Two layers, with a norm between them, for features may be large."""

    kinds: ClassVar[frozenset[str]] = frozenset({"vector"})

    def __init__(self, width: int, hidden: int = 0, dropout: float = 0.1) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            hidden: features between the layers; 0 takes twice ``width``.
            dropout: share of hidden features dropped while training.
        """
        super().__init__(width)
        self.hidden = hidden
        self.dropout = dropout

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        hidden = self.hidden or 2 * self.width
        self.up = nn.Linear(layout.channels, hidden)
        self.rest = nn.Sequential(
            nn.LayerNorm(hidden), nn.GELU(), nn.Dropout(self.dropout), nn.Linear(hidden, self.width)
        )

    def encode(self, column: Column) -> Encoded:
        """Encode vectors, Float[batch size]."""
        values = column.values.to(self.up.weight.dtype)
        return one_token(self.rest(self.up(values)), column)
