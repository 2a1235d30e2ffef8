"""Dates: a small network over their cyclic parts (sine and cosine of hour, weekday, season)."""

from typing import ClassVar

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, one_token
from sensorium.nn.mlp import MLP


class Dates(Encoder):
    """Two layers over the parts that the column's step computed."""

    kinds: ClassVar[frozenset[str]] = frozenset({"date"})

    def __init__(self, width: int, hidden: int = 0, dropout: float = 0.0) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            hidden: features between the layers; 0 takes ``width``.
            dropout: share of hidden features dropped while training.
        """
        super().__init__(width)
        self.hidden = hidden
        self.dropout = dropout

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        hidden = self.hidden or self.width
        self.mlp = MLP(layout.channels, hidden, self.width, self.dropout)

    def encode(self, column: Column) -> Encoded:
        """Encode date parts, Float[batch parts]."""
        values = column.values.to(self.mlp.up.weight.dtype)
        return one_token(self.mlp(values), column)
