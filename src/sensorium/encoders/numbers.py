"""Numbers by one linear layer, the plainest way."""

from typing import ClassVar

from torch import nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, one_token


class Numbers(Encoder):
    """A number times one learned vector, plus another."""

    kinds: ClassVar[frozenset[str]] = frozenset({"number"})

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        self.linear = nn.Linear(layout.channels, self.width)

    def encode(self, column: Column) -> Encoded:
        """Encode numbers, Float[batch 1]."""
        return one_token(self.linear(column.values.to(self.linear.weight.dtype)), column)
