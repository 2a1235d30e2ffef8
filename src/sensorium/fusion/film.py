"""Feature-wise linear modulation: what one column says decides how the others' tokens are read.

A question scales and shifts the features of a picture, block by block. Perez et al. 2018, "FiLM:
Visual Reasoning with a General Conditioning Layer".
"""

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sensorium.core.batch import Encoded, Fused
from sensorium.core.errors import PartError, all_at_once, nearest
from sensorium.fusion.fusion import Fusion, joined, stacked


def modulated(
    tokens: Float[Tensor, " batch time width"],
    scale: Float[Tensor, " batch width"],
    shift: Float[Tensor, " batch width"],
) -> Float[Tensor, " batch time width"]:
    """Compute (1 + scale) * tokens + shift, alike for all tokens of a row."""
    return (1 + scale.unsqueeze(1)) * tokens + shift.unsqueeze(1)


def strongest(
    tokens: Float[Tensor, " batch time width"], mask: Bool[Tensor, " batch time"]
) -> Float[Tensor, " batch width"]:
    """Take each feature's largest value over the tokens that are real."""
    return tokens.masked_fill(~mask.unsqueeze(-1), float("-inf")).amax(1)


class FilmBlock(nn.Module):
    """h = gelu(A x); h + gelu(film(norm(B h))): one residual block, modulated."""

    def __init__(self, width: int, condition: int, dropout: float) -> None:
        super().__init__()
        self.enter = nn.Linear(width, width)
        self.inner = nn.Linear(width, width, bias=False)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.film = nn.Linear(condition, 2 * width)
        self.drop = nn.Dropout(dropout)

    def forward(
        self,
        tokens: Float[Tensor, " batch time width"],
        condition: Float[Tensor, " batch condition"],
    ) -> Float[Tensor, " batch time width"]:
        """Read the tokens in the light of the condition."""
        entered = F.gelu(self.enter(tokens))
        scale, shift = self.film(condition).chunk(2, -1)
        read = modulated(self.norm(self.inner(entered)), scale, shift)
        out: Tensor = entered + self.drop(F.gelu(read))
        return out


class FiLM(Fusion):
    """Modulate each column's tokens by the others' vectors, take the strongest, and mix.

    A column that is alone modulates itself. An absent column is its learned token.
    """

    def __init__(
        self, width: int, depth: int = 3, onto: Sequence[str] = (), dropout: float = 0.1
    ) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            depth: how many blocks a modulated column runs through.
            onto: the columns to modulate, such as pictures; () modulates all.
            dropout: share dropped while training.
        """
        super().__init__(width)
        self.depth = depth
        self.onto = onto
        self.dropout = dropout

    def build(self, parts: int) -> None:
        """Make ``depth`` blocks a modulated column.

        Errors:
            PartError: ``onto`` names columns that there are not.
        """
        faults = [f"no column {n!r}{nearest(n, self.names)}" for n in self.onto
                  if n not in self.names]  # fmt: skip
        if faults:
            raise PartError(all_at_once("FiLM cannot modulate:", faults))
        condition = max(1, parts - 1) * self.width
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                FilmBlock(self.width, condition, self.dropout)
                for _ in range(self.depth if not self.onto or name in self.onto else 0)
            )
            for name in self.names
        )
        self.mix = nn.Sequential(
            nn.LayerNorm(parts * self.width), nn.Linear(parts * self.width, self.width)
        )

    def fuse(self, encoded: Sequence[Encoded]) -> Fused:
        """Modulate the columns by one another."""
        vectors, _ = stacked(encoded)
        columns, pooled = [], []
        for i, own in enumerate(encoded):
            blocks = cast(nn.ModuleList, self.blocks[i])
            others = [vectors[:, j] for j in range(len(encoded)) if j != i] or [vectors[:, i]]
            condition, tokens = torch.cat(others, 1), own.tokens
            for block in blocks:
                tokens = block(tokens, condition)
            columns.append(Encoded(tokens, own.mask, own.present))
            pooled.append(strongest(tokens, own.mask) if len(blocks) else vectors[:, i])
        tokens, mask = joined(columns)
        return Fused(self.mix(torch.cat(pooled, 1)), tokens, mask)
