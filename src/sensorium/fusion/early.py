"""Early fusion: columns are joined before anything deep has happened to any of them.

Encoders serve as stems (few layers or none); one shared Transformer trunk does the work. The
way of ViLT (Kim et al. 2021) and of Gato (Reed et al. 2022).
"""

from collections.abc import Sequence

import torch
from torch import nn

from sensorium.core.batch import Encoded, Fused
from sensorium.fusion.fusion import Fusion, joined
from sensorium.nn.attention import Transformer


class Early(Fusion):
    """Join the tokens of all columns, each with its column's vector added, behind a summary token.

    The fused vector is what the trunk makes of the summary token.
    """

    def __init__(self, width: int, depth: int = 4, heads: int = 4, dropout: float = 0.1) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            depth: how many blocks the trunk has.
            heads: how many attention heads; they divide the width.
            dropout: share dropped while training.
        """
        super().__init__(width)
        self.depth = depth
        self.heads = heads
        self.dropout = dropout

    def build(self, parts: int) -> None:
        """Make the trunk, the summary token, and a vector a column."""
        self.columns = nn.Parameter(torch.randn(parts, self.width) * 0.02)
        self.summary = nn.Parameter(torch.randn(self.width) * 0.02)
        self.norm = nn.LayerNorm(self.width)
        self.trunk = Transformer(self.width, self.depth, self.heads, self.dropout)

    def fuse(self, encoded: Sequence[Encoded]) -> Fused:
        """Run the trunk."""
        tokens, mask = joined(encoded)
        lengths = torch.tensor([e.mask.shape[1] for e in encoded], device=mask.device)
        # Stems give tokens of any size; the norm brings all columns to one before they meet.
        tokens = self.norm(tokens) + self.columns.repeat_interleave(lengths, 0)
        first = self.summary.expand(len(tokens), 1, -1)
        mask = torch.cat([torch.ones_like(mask[:, :1]), mask], 1)
        tokens = self.trunk(torch.cat([first, tokens], 1), mask)
        return Fused(tokens[:, 0], tokens, mask)
