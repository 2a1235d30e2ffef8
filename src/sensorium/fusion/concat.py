"""Concatenation, X = [I; T], and a two-layer network on top."""

from collections.abc import Sequence

from torch import nn

from sensorium.core.batch import Encoded, Fused
from sensorium.fusion.fusion import Fusion, as_fused, stacked


class Concat(Fusion):
    """Lay the columns' vectors end to end and mix them with a small network."""

    def __init__(self, width: int, hidden: int = 0, dropout: float = 0.1) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            hidden: width of the hidden layer; 0 takes twice the common width.
            dropout: share of hidden units dropped while training.
        """
        super().__init__(width)
        self.hidden = hidden
        self.dropout = dropout

    def build(self, parts: int) -> None:
        """Make the weights."""
        hidden = self.hidden or 2 * self.width
        self.mix = nn.Sequential(
            nn.LayerNorm(parts * self.width),
            nn.Linear(parts * self.width, hidden),
            nn.GELU(),
            nn.Dropout(self.dropout),
            nn.Linear(hidden, self.width),
        )

    def fuse(self, encoded: Sequence[Encoded]) -> Fused:
        """Concatenate and mix."""
        vectors, _ = stacked(encoded)
        return as_fused(self.mix(vectors.flatten(1)), encoded)
