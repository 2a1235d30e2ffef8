"""Text by a bag of hashed n-grams: fast, and strong where rows are few (Joulin et al. 2017)."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, one_token
from sensorium.nn.mlp import MLP

FACTOR = 0x9E3779B97F4A7C15 - 2**64
"""2**64 over the golden ratio, as a signed number: spreads ids over all bits (Knuth 6.4)."""


START = 0.01
"""Deviation of the first vectors: nearly nothing, so that a gram never seen adds nearly nothing."""


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
    """The sum of learned vectors of words and of hashed runs of words, and a small network.

    A gram counts by the share f of texts that have it, (1 - log f) sqrt(f / (f + rare)), and a
    text's weights have the length 1: that is tf-idf (Salton & Buckley 1988), but for grams so
    rare that an optimiser like Adam, which moves a weight all the farther the less often it is
    seen, would learn texts by heart through them. Shares are counted while training.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"text"})

    counts: Tensor
    texts: Tensor

    def __init__(
        self,
        width: int,
        longest: int = 2,
        buckets: int = 50_000,
        dropout: float = 0.2,
        gram_dropout: float = 0.1,
        pace: float = 1.0,
        rare: float = 0.002,
        *,
        normed: bool = False,
    ) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            longest: the longest run of words; 1 counts words alone.
            buckets: rows of the table that all runs of two words and more share.
            dropout: share of features dropped while training.
            gram_dropout: share of words and runs left out of a text while training.
            pace: how fast the vectors learn beside the other weights; long texts are learned by
                heart in an epoch unless it is far below 1.
            rare: grams of a smaller share of texts count less.
            normed: whether the sum is brought to deviation 1, which learns faster where texts are
                many and use few words, and makes noise of words never seen.
        """
        super().__init__(width)
        self.longest = longest
        self.buckets = buckets
        self.dropout = dropout
        self.gram_dropout = gram_dropout
        self.pace = pace
        self.rare = rare
        self.normed = normed

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        self.words = layout.vocabulary
        rows = self.words + self.buckets
        self.table = nn.Parameter(torch.randn(rows, self.width) * START)
        self.register_buffer("counts", torch.zeros(rows, dtype=torch.int64))
        self.register_buffer("texts", torch.zeros((), dtype=torch.int64))
        self.norm = nn.LayerNorm(self.width) if self.normed else nn.Identity()
        self.mlp = MLP(self.width, 2 * self.width, dropout=self.dropout)

    def encode(self, column: Column) -> Encoded:
        """Encode token ids."""
        runs, real = grams(column.values, column.mask, self.longest, self.buckets)
        rows = torch.cat([column.values, runs + self.words], 1)
        real = torch.cat([column.mask, real], 1)
        if self.training:
            self._count(rows, real)
            real = real & (torch.rand(real.shape, device=real.device) >= self.gram_dropout)
        weight = self._importance(rows) * real
        weight = weight / weight.norm(dim=1, keepdim=True).clamp(min=1e-6)
        bag = self.pace * F.embedding_bag(
            rows, self.table, mode="sum", per_sample_weights=weight.to(self.table.dtype)
        )
        bag = self.norm(bag)
        return one_token(bag + self.mlp(bag), column)

    def _importance(self, rows: Int[Tensor, " batch _"]) -> Float[Tensor, " batch _"]:
        share = (1 + self.counts[rows]) / (1 + self.texts)
        return (1 - share.clamp(max=1).log()) * (share / (share + self.rare)).sqrt()

    @torch.no_grad()
    def _count(self, rows: Int[Tensor, " batch _"], real: Bool[Tensor, " batch _"]) -> None:
        """Note which grams each text has; one that it has twice counts once."""
        ordered = rows.masked_fill(~real, -1).sort(1).values
        first = ordered.diff(dim=1, prepend=ordered.new_full((len(rows), 1), -1)) != 0
        found = ordered[first]
        self.counts.index_add_(0, found, torch.ones_like(found))
        self.texts += len(rows)
