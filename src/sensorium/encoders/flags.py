"""Flags: yes adds a learned vector, no takes it away."""

from typing import ClassVar

from torch import nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, one_token


class Flags(Encoder):
    """One vector times +1 or -1, plus another."""

    kinds: ClassVar[frozenset[str]] = frozenset({"flag"})

    def setup(self, layout: Layout) -> None:  # noqa: ARG002
        """Make the weights."""
        self.linear = nn.Linear(1, self.width)

    def encode(self, column: Column) -> Encoded:
        """Encode ids, Int[batch 1]: 0 = no, 1 = yes."""
        signs = 2 * column.values.to(self.linear.weight.dtype) - 1
        return one_token(self.linear(signs), column)
