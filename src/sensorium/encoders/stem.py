"""Signals after one convolution: for fusions that read several of them as one."""

from typing import ClassVar

from torch import nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.errors import PartError
from sensorium.encoders.encoder import Encoder, as_encoded
from sensorium.nn.patches import patch_mask


class Stem(Encoder):
    """One convolution over time, a token every few steps; ``fusion.Temporal`` does the rest.

    Convolutions of several signals, added, are one convolution of all their channels.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"series"})

    def __init__(self, width: int, kernel: int = 5, stride: int = 2) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            kernel: steps that the convolution sees; odd.
            stride: how many steps lie between two tokens.

        Errors:
            PartError: an even kernel, which has no step in its middle.
        """
        super().__init__(width)
        self.kernel = kernel
        self.stride = stride
        if kernel % 2 == 0:
            msg = f"Stem needs an odd kernel, found {kernel}; a token stands in its middle"
            raise PartError(msg)

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        self.conv = nn.Conv1d(
            layout.channels, self.width, self.kernel, self.stride, self.kernel // 2, bias=False
        )

    def encode(self, column: Column) -> Encoded:
        """Encode signals, Float[batch time channels]."""
        values = column.values.to(self.conv.weight.dtype).transpose(1, 2)
        tokens = self.conv(values * column.mask.unsqueeze(1)).transpose(1, 2)
        return as_encoded(tokens, patch_mask(column.mask, self.stride), column)
