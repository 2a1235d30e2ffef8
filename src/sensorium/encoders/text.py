"""Text by a Transformer: token ids (0 = padding, 1 = unknown) to one token each."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, as_encoded
from sensorium.nn.attention import Transformer
from sensorium.nn.positions import Learned

UNKNOWN = 1
"""The id of a token that the training rows did not have."""


def drop_tokens(ids: Tensor, share: float, *, training: bool) -> Tensor:
    """Make a share of the tokens unknown while training, so that no single word decides.

    Args:
        ids: Int[batch time]; padding (0) stays.
        share: from 0 to 1.
        training: whether to drop at all.
    """
    if not training or share <= 0:
        return ids
    gone = (torch.rand(ids.shape, device=ids.device) < share) & (ids > 0)
    return ids.masked_fill(gone, UNKNOWN)


def embedding(vocabulary: int, width: int) -> nn.Embedding:
    """Make vectors of token ids; padding is 0.

    They start small: a token that training hardly saw then adds hardly any noise, and those that
    matter grow out of it in a few steps. Starting at deviation 1 cost averages, n-grams and LSTM
    12 to 18 points of accuracy on 6,000 hotel reviews.
    """
    table = nn.Embedding(vocabulary, width, padding_idx=0)
    with torch.no_grad():
        table.weight[1:].normal_(std=0.02)
    return table


class TextTransformer(Encoder):
    """Learned embeddings and positions, then a pre-norm Transformer over the tokens."""

    kinds: ClassVar[frozenset[str]] = frozenset({"text"})

    def __init__(
        self,
        width: int,
        depth: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
        token_dropout: float = 0.1,
    ) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            depth: how many blocks; 0 gives embeddings alone, the stem of an early fusion.
            heads: attention heads; they must divide ``width``.
            dropout: share of features dropped while training.
            token_dropout: share of tokens made unknown while training.
        """
        super().__init__(width)
        self.depth = depth
        self.heads = heads
        self.dropout = dropout
        self.token_dropout = token_dropout

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        self.embed = embedding(layout.vocabulary, self.width)
        self.positions = Learned(layout.length, self.width)
        self.drop = nn.Dropout(self.dropout)
        self.trunk = Transformer(self.width, self.depth, self.heads, self.dropout)

    def encode(self, column: Column) -> Encoded:
        """Encode token ids."""
        ids = drop_tokens(column.values, self.token_dropout, training=self.training)
        tokens = self.drop(self.positions(self.embed(ids)))
        return as_encoded(self.trunk(tokens, column.mask), column.mask, column)
