"""Pictures by a Vision Transformer: one token a patch (Dosovitskiy et al. 2021)."""

from typing import ClassVar

import torch
from torch import nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.errors import PartError
from sensorium.encoders.encoder import Encoder
from sensorium.encoders.pixels import Pixels, grid_tokens
from sensorium.nn.attention import Transformer
from sensorium.nn.positions import Learned


class ViT(Encoder):
    """One linear map a patch, learned positions, then a pre-norm Transformer."""

    kinds: ClassVar[frozenset[str]] = frozenset({"image"})

    def __init__(
        self, width: int, patch: int = 8, depth: int = 4, heads: int = 4, dropout: float = 0.1
    ) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            patch: side of a patch, px; it must divide the picture's side.
            depth: how many blocks; 0 gives patches alone, the stem of an early fusion.
            heads: attention heads; they must divide ``width``.
            dropout: share of features dropped while training.
        """
        super().__init__(width)
        self.patch = patch
        self.depth = depth
        self.heads = heads
        self.dropout = dropout

    def setup(self, layout: Layout) -> None:
        """Make the weights.

        Errors:
            PartError: patches do not tile the picture.
        """
        if layout.length % self.patch:
            msg = f"patches of {self.patch} px do not tile a picture of {layout.length} px"
            raise PartError(f"{msg}; choose a patch that divides the side")
        self.pixels = Pixels()
        self.patches = nn.Conv2d(layout.channels, self.width, self.patch, self.patch)
        self.positions = Learned((layout.length // self.patch) ** 2, self.width)
        self.drop = nn.Dropout(self.dropout)
        self.trunk = Transformer(self.width, self.depth, self.heads, self.dropout)

    def encode(self, column: Column) -> Encoded:
        """Encode pictures, UInt8[batch channels height width]."""
        patches = grid_tokens(self.patches(self.pixels(column.values)))
        tokens = self.trunk(self.drop(self.positions(patches)))
        mask = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        return Encoded(tokens, mask, column.present)
