"""Text by the average of its words' vectors and a small network (Iyyer et al. 2015)."""

from typing import ClassVar

from torch import nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, one_token
from sensorium.encoders.text import drop_tokens, embedding
from sensorium.nn.masks import masked_mean
from sensorium.nn.mlp import MLP


class WordVectors(Encoder):
    """A deep averaging network: the order of words is lost, all else is kept."""

    kinds: ClassVar[frozenset[str]] = frozenset({"text"})

    def __init__(self, width: int, dropout: float = 0.2, token_dropout: float = 0.2) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            dropout: share of features dropped while training.
            token_dropout: share of words made unknown while training.
        """
        super().__init__(width)
        self.dropout = dropout
        self.token_dropout = token_dropout

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        self.embed = embedding(layout.vocabulary, self.width)
        self.norm = nn.LayerNorm(self.width)
        self.mlp = MLP(self.width, 2 * self.width, dropout=self.dropout)

    def encode(self, column: Column) -> Encoded:
        """Encode token ids."""
        ids = drop_tokens(column.values, self.token_dropout, training=self.training)
        average = self.norm(masked_mean(self.embed(ids), column.mask))
        return one_token(average + self.mlp(average), column)
