"""Signals by a Transformer over patches of a few steps (Nie et al. 2023)."""

from typing import ClassVar

from torch import nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, as_encoded
from sensorium.encoders.series_cnn import steps_per_token
from sensorium.nn.attention import Transformer
from sensorium.nn.patches import Patches, patch_mask
from sensorium.nn.positions import Sinusoidal


class SeriesTransformer(Encoder):
    """Patches of all channels, sinusoidal positions, then a pre-norm Transformer."""

    kinds: ClassVar[frozenset[str]] = frozenset({"series"})

    def __init__(
        self, width: int, depth: int = 2, heads: int = 4, dropout: float = 0.1, patch: int = 0
    ) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            depth: how many blocks; 0 gives patches alone, the stem of an early fusion.
            heads: attention heads; they must divide ``width``.
            dropout: share of features dropped while training.
            patch: steps a patch; 0 takes so many that at most 64 patches come out.
        """
        super().__init__(width)
        self.depth = depth
        self.heads = heads
        self.dropout = dropout
        self.patch = patch

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        self.size = self.patch or steps_per_token(layout.length)
        self.patches = Patches(layout.channels, self.width, self.size)
        self.positions = Sinusoidal(self.width)
        self.drop = nn.Dropout(self.dropout)
        self.trunk = Transformer(self.width, self.depth, self.heads, self.dropout)

    def encode(self, column: Column) -> Encoded:
        """Encode signals, Float[batch time channels]."""
        values = column.values.to(self.patches.linear.weight.dtype)
        mask = patch_mask(column.mask, self.size)
        tokens = self.drop(self.positions(self.patches(values, column.mask)))
        return as_encoded(self.trunk(tokens, mask), mask, column)
