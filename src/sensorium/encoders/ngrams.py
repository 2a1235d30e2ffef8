"""Text by a bag of hashed n-grams: fast, and strong where rows are few (Joulin et al. 2017)."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, one_token
from sensorium.encoders.text import drop_tokens

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
    """The average of learned vectors of words and of hashed runs of words."""

    kinds: ClassVar[frozenset[str]] = frozenset({"text"})

    def __init__(
        self,
        width: int,
        longest: int = 3,
        buckets: int = 20_000,
        dropout: float = 0.2,
        token_dropout: float = 0.1,
    ) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            longest: the longest run of words.
            buckets: rows of the table that all runs of two words and more share.
            dropout: share of features dropped while training.
            token_dropout: share of words made unknown while training.
        """
        super().__init__(width)
        self.longest = longest
        self.buckets = buckets
        self.dropout = dropout
        self.token_dropout = token_dropout

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        self.words = layout.vocabulary
        table = torch.randn(self.words + self.buckets, self.width)
        self.table = nn.Parameter(table * 0.02)
        self.norm = nn.LayerNorm(self.width)
        self.drop = nn.Dropout(self.dropout)

    def encode(self, column: Column) -> Encoded:
        """Encode token ids."""
        ids = drop_tokens(column.values, self.token_dropout, training=self.training)
        runs, real = grams(ids, column.mask, self.longest, self.buckets)
        rows = torch.cat([ids, runs + self.words], 1)
        weight = torch.cat([column.mask, real], 1).to(self.table.dtype)
        weight = weight / weight.sum(1, keepdim=True).clamp(min=1).sqrt()
        bag = F.embedding_bag(rows, self.table, mode="sum", per_sample_weights=weight)
        return one_token(self.drop(self.norm(bag)), column)
