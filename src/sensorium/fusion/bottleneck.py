"""Attention bottlenecks: columns exchange what they know through a handful of shared tokens.

Cheaper than attention of all to all, and each column must sum up before it tells. Nagrani et al.
2021, "Attention Bottlenecks for Multimodal Fusion".
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import nn

from sensorium.core.batch import Encoded, Fused
from sensorium.fusion.fusion import Fusion, averaged, joined, stacked
from sensorium.nn.attention import Block


class Bottleneck(Fusion):
    """In every layer each column attends to itself and the bottleneck; the bottlenecks average.

    Only columns that are present are averaged, in the bottleneck and in the fused vector.
    """

    def __init__(
        self, width: int, bottlenecks: int = 4, depth: int = 2, heads: int = 4, dropout: float = 0.1
    ) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            bottlenecks: how many shared tokens.
            depth: how many layers.
            heads: how many attention heads; they divide the width.
            dropout: share dropped while training.
        """
        super().__init__(width)
        self.bottlenecks = bottlenecks
        self.depth = depth
        self.heads = heads
        self.dropout = dropout

    def build(self, parts: int) -> None:
        """Make the shared tokens and ``depth`` blocks a column."""
        self.shared = nn.Parameter(torch.randn(self.bottlenecks, self.width) * 0.02)
        self.layers = nn.ModuleList(
            nn.ModuleList(Block(self.width, self.heads, self.dropout) for _ in range(parts))
            for _ in range(self.depth)
        )
        self.norm = nn.LayerNorm(self.width)

    def fuse(self, encoded: Sequence[Encoded]) -> Fused:
        """Exchange through the bottleneck, layer by layer."""
        rows = len(encoded[0].present)
        _, counts = stacked(encoded)
        shared = self.shared.expand(rows, -1, -1)
        open_to_all = torch.ones_like(shared[..., 0], dtype=torch.bool)
        columns = list(encoded)
        for layer in self.layers:
            passed = []
            for i, (block, own) in enumerate(zip(cast(nn.ModuleList, layer), columns, strict=True)):
                both = block(
                    torch.cat([shared, own.tokens], 1), torch.cat([open_to_all, own.mask], 1)
                )
                passed.append(both[:, : self.bottlenecks])
                columns[i] = Encoded(both[:, self.bottlenecks :], own.mask, own.present)
            through = torch.stack(passed, 1)
            shared = averaged(through.flatten(2), counts).view_as(shared)
        tokens, mask = joined(columns)
        pooled = averaged(stacked(columns)[0], counts)
        return Fused(self.norm(pooled), tokens, mask)
