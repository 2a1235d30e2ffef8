"""Cross-attention: each column's tokens look at the tokens of all the others.

Tsai et al. 2019, "Multimodal Transformer for Unaligned Multimodal Language Sequences".
"""

from collections.abc import Sequence
from typing import cast

from jaxtyping import Bool, Float
from torch import Tensor, nn

from sensorium.core.batch import Encoded, Fused
from sensorium.fusion.fusion import Fusion, joined, stacked
from sensorium.nn.attention import Attention
from sensorium.nn.mlp import MLP


class Crossing(nn.Module):
    """One pre-norm layer of one column: x + attention(norm(x), norm(others)), x + mlp(norm(x))."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm_own = nn.LayerNorm(width)
        self.norm_others = nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = MLP(width, dropout=dropout)
        self.drop = nn.Dropout(dropout)

    def forward(
        self,
        own: Float[Tensor, " batch own width"],
        others: Float[Tensor, " batch time width"],
        mask: Bool[Tensor, " batch time"],
    ) -> Float[Tensor, " batch own width"]:
        """Let ``own`` look at ``others``."""
        seen = self.attention(self.norm_own(own), self.norm_others(others), mask)
        own = own + self.drop(seen)
        out: Tensor = own + self.drop(self.mlp(self.norm_mlp(own)))
        return out


class CrossAttention(Fusion):
    """Let each column look at the others, a few times over; mix the columns' averages linearly.

    A column that is alone looks at itself. An absent column is its learned token, which looks at
    the others and may be looked at.
    """

    def __init__(self, width: int, depth: int = 1, heads: int = 4, dropout: float = 0.1) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            depth: how many times each column looks at the others.
            heads: how many attention heads; they divide the width.
            dropout: share dropped while training.
        """
        super().__init__(width)
        self.depth = depth
        self.heads = heads
        self.dropout = dropout

    def build(self, parts: int) -> None:
        """Make ``depth`` layers a column."""
        self.layers = nn.ModuleList(
            nn.ModuleList(Crossing(self.width, self.heads, self.dropout) for _ in range(parts))
            for _ in range(self.depth)
        )
        self.mix = nn.Sequential(
            nn.LayerNorm(parts * self.width), nn.Linear(parts * self.width, self.width)
        )

    def fuse(self, encoded: Sequence[Encoded]) -> Fused:
        """Let the columns look at one another."""
        columns = list(encoded)
        for layer in self.layers:
            columns = [
                Encoded(
                    crossing(own.tokens, *joined(columns[:i] + columns[i + 1 :] or [own])),
                    own.mask,
                    own.present,
                )
                for i, (crossing, own) in enumerate(
                    zip(cast(nn.ModuleList, layer), columns, strict=True)
                )
            ]
        vectors, _ = stacked(columns)
        tokens, mask = joined(columns)
        return Fused(self.mix(vectors.flatten(1)), tokens, mask)
