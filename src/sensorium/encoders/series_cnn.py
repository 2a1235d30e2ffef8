"""Signals by a temporal convolution network: dilated residual convolutions, then fewer tokens."""

import math
from typing import ClassVar

from torch import nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, as_encoded
from sensorium.nn.dilated import Dilated

TOKENS = 64
"""At most about as many tokens come out of a signal."""


def steps_per_token(length: int) -> int:
    """Choose how many steps of a signal one token stands for."""
    return max(1, math.ceil(length / TOKENS))


class SeriesCNN(Encoder):
    """Each block looks twice as far as the one before (Bai et al. 2018).

    In long signals each block also halves the steps, until few enough are left to be tokens; in
    short ones its convolutions are dilated instead.
    """

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
            depth: residual blocks.
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
        many, kernel = self.features, self.kernel
        sizes = _halvings(steps_per_token(layout.length), self.depth + 1)
        dilations = [max(1, 2**i // math.prod(sizes[: i + 1])) for i in range(self.depth)]
        self.stem = nn.Conv1d(layout.channels, many, kernel, padding=kernel // 2, bias=False)
        self.trunk = Dilated(
            layout.channels, many, self.width, sizes, dilations, kernel, self.dropout
        )

    def encode(self, column: Column) -> Encoded:
        """Encode signals, Float[batch time channels]."""
        real = column.mask.unsqueeze(1)
        values = column.values.to(self.stem.weight.dtype).transpose(1, 2) * real
        tokens, mask = self.trunk(values, self.stem(values), column.mask)
        return as_encoded(tokens, mask, column)


def _halvings(total: int, places: int) -> list[int]:
    """Spread a factor over places, 2 at each, what is left at the last: 5 over 3 is 2, 2, 2."""
    sizes = []
    for left in range(places, 0, -1):
        sizes.append(total if left == 1 else min(2, total))
        total = math.ceil(total / sizes[-1])
    return sizes
