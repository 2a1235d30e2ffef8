"""Self-attention over all tokens of all columns: softmax(Q K^T / sqrt d) V, any token to any.

Vaswani et al. 2017; for several modalities, Tsai et al. 2019 and Lu et al. 2019.
"""

from collections.abc import Sequence

import torch
from torch import nn

from sensorium.core.batch import Encoded, Fused
from sensorium.fusion.fusion import Fusion, averaged, joined, stacked
from sensorium.nn.attention import Transformer


class SelfAttention(Fusion):
    """Run a Transformer over all tokens, then average each column and the columns.

    Each column is averaged first, so that one of many tokens does not drown one of few. An absent
    column stands there as its learned token, which the others may look at, and is left out of
    the average.
    """

    def __init__(self, width: int, depth: int = 1, heads: int = 4, dropout: float = 0.1) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            depth: how many blocks.
            heads: how many attention heads; they divide the width.
            dropout: share dropped while training.
        """
        super().__init__(width)
        self.depth = depth
        self.heads = heads
        self.dropout = dropout

    def build(self, parts: int) -> None:
        """Make the blocks, and a vector a column that tells whose a token is."""
        self.columns = nn.Parameter(torch.randn(parts, self.width) * 0.02)
        self.trunk = Transformer(self.width, self.depth, self.heads, self.dropout)

    def fuse(self, encoded: Sequence[Encoded]) -> Fused:
        """Let all tokens look at all."""
        tokens, mask = joined(encoded)
        lengths = [e.mask.shape[1] for e in encoded]
        owner = self.columns.repeat_interleave(torch.tensor(lengths, device=mask.device), 0)
        tokens = self.trunk(tokens + owner, mask)
        after = [
            Encoded(part, e.mask, e.present)
            for part, e in zip(tokens.split(lengths, 1), encoded, strict=True)
        ]
        return Fused(averaged(*stacked(after)), tokens, mask)
