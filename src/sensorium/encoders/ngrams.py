"""Text by a bag of hashed n-grams: fast, and strong where rows are few (Joulin et al. 2017)."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, one_token
from sensorium.nn.mlp import MLP

FACTOR = 0x9E3779B97F4A7C15 - 2**64
"""2**64 over the golden ratio, as a signed number: spreads ids over all bits (Knuth 6.4)."""


def hash_grams(ids: Int[Tensor, " batch time"], size: int, buckets: int) -> Int[Tensor, " batch _"]:
    """Give each run of ``size`` ids a bucket; the same run always has the same one.

    Args:
        ids: token ids.
        size: how many ids a run has; ``time`` must be at least as long.
        buckets: how many buckets there are.
    """
    runs = ids.unfold(1, size, 1)
    mixed = torch.full_like(runs[..., 0], size)
    for place in range(size):
        mixed = (mixed ^ runs[..., place]) * FACTOR
        mixed = mixed ^ (mixed >> 29)
    return mixed.remainder(buckets)


def grams(
    ids: Int[Tensor, " batch time"], mask: Bool[Tensor, " batch time"], longest: int, buckets: int
) -> tuple[Tensor, Tensor]:
    """List the buckets of all runs of 2 to ``longest`` ids, and which of them are real."""
    found, real = [], []
    for size in range(2, min(longest, ids.shape[1]) + 1):
        found.append(hash_grams(ids, size, buckets))
        real.append(mask[:, size - 1 :])
    return torch.cat(found, 1) if found else ids[:, :0], torch.cat(real, 1) if real else mask[:, :0]


class NGrams(Encoder):
    """The average of learned vectors of words and of hashed runs of words, and a small network."""

    kinds: ClassVar[frozenset[str]] = frozenset({"text"})

    def __init__(
        self,
        width: int,
        longest: int = 2,
        buckets: int = 20_000,
        dropout: float = 0.2,
        gram_dropout: float = 0.3,
    ) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            longest: the longest run of words; 1 counts words alone.
            buckets: rows of the table that all runs of two words and more share.
            dropout: share of features dropped while training.
            gram_dropout: share of words and runs left out of a text's average while training, so
                that rare ones, which optimisers move farthest, cannot learn a text by heart.
        """
        super().__init__(width)
        self.longest = longest
        self.buckets = buckets
        self.dropout = dropout
        self.gram_dropout = gram_dropout

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        self.words = layout.vocabulary
        self.table = nn.Parameter(torch.randn(self.words + self.buckets, self.width) * 0.02)
        self.norm = nn.LayerNorm(self.width)
        self.mlp = MLP(self.width, 2 * self.width, dropout=self.dropout)

    def encode(self, column: Column) -> Encoded:
        """Encode token ids."""
        runs, real = grams(column.values, column.mask, self.longest, self.buckets)
        rows = torch.cat([column.values, runs + self.words], 1)
        real = torch.cat([column.mask, real], 1)
        if self.training and self.gram_dropout > 0:
            real = real & (torch.rand(real.shape, device=real.device) >= self.gram_dropout)
        weight = real.to(self.table.dtype)
        weight = weight / weight.sum(1, keepdim=True).clamp(min=1)
        bag = F.embedding_bag(rows, self.table, mode="sum", per_sample_weights=weight)
        average = self.norm(bag)
        return one_token(average + self.mlp(average), column)
