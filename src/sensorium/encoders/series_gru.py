"""Signals by a recurrent network over patches of a few steps."""

from typing import ClassVar

from torch import nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, as_encoded
from sensorium.encoders.series_cnn import steps_per_token
from sensorium.nn.patches import Patches, patch_mask
from sensorium.nn.recurrent import Recurrent


class SeriesGRU(Encoder):
    """A stack of GRU layers that read both ways (Cho et al. 2014)."""

    kinds: ClassVar[frozenset[str]] = frozenset({"series"})

    def __init__(self, width: int, depth: int = 1, dropout: float = 0.1, patch: int = 0) -> None:
        """Choose the sizes.

        Args:
            width: the common width; half of it reads forward, half backward.
            depth: how many layers.
            dropout: share of features dropped while training.
            patch: steps a patch; 0 takes so many that at most 64 patches come out.
        """
        super().__init__(width)
        self.depth = depth
        self.dropout = dropout
        self.patch = patch

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        self.size = self.patch or steps_per_token(layout.length)
        self.patches = Patches(layout.channels, self.width, self.size)
        self.trunk = Recurrent("gru", self.width, self.depth, self.dropout)
        self.drop = nn.Dropout(self.dropout)

    def encode(self, column: Column) -> Encoded:
        """Encode signals, Float[batch time channels]."""
        values = column.values.to(self.patches.linear.weight.dtype)
        mask = patch_mask(column.mask, self.size)
        tokens = self.trunk(self.patches(values, column.mask), mask)
        return as_encoded(self.drop(tokens), mask, column)
