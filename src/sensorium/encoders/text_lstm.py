"""Text by a bidirectional LSTM: token ids (0 = padding, 1 = unknown) to one token each."""

from typing import ClassVar

from torch import nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, as_encoded
from sensorium.encoders.text import drop_tokens, embedding
from sensorium.nn.recurrent import Recurrent


class TextLSTM(Encoder):
    """Learned embeddings, then a stack of LSTM layers that read both ways."""

    kinds: ClassVar[frozenset[str]] = frozenset({"text"})

    def __init__(
        self, width: int, depth: int = 1, dropout: float = 0.2, token_dropout: float = 0.1
    ) -> None:
        """Choose the sizes.

        Args:
            width: the common width; half of it reads forward, half backward.
            depth: how many layers.
            dropout: share of features dropped while training.
            token_dropout: share of tokens made unknown while training.
        """
        super().__init__(width)
        self.depth = depth
        self.dropout = dropout
        self.token_dropout = token_dropout

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        self.embed = embedding(layout.vocabulary, self.width)
        self.trunk = Recurrent("lstm", self.width, self.depth, self.dropout)
        self.drop = nn.Dropout(self.dropout)

    def encode(self, column: Column) -> Encoded:
        """Encode token ids."""
        ids = drop_tokens(column.values, self.token_dropout, training=self.training)
        tokens = self.trunk(self.embed(ids), column.mask)
        return as_encoded(self.drop(tokens), column.mask, column)
