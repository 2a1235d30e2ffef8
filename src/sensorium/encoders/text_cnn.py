"""Text by convolutions over its words: each looks for phrases, the largest answer counts."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.errors import PartError
from sensorium.encoders.encoder import Encoder, as_encoded
from sensorium.encoders.text import drop_tokens, embedding
from sensorium.nn.masks import masked_max


class TextCNN(Encoder):
    """Convolutions of several lengths over word vectors (Kim 2014).

    Each token is a place's features plus the text's largest, so that their mean holds both.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"text"})

    def __init__(
        self,
        width: int,
        lengths: tuple[int, ...] = (1, 3),
        features: int = 64,
        dropout: float = 0.2,
        token_dropout: float = 0.2,
    ) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            lengths: how many words each kind of convolution sees; odd, so that it has a middle.
            features: how many phrases each kind looks for.
            dropout: share of features dropped while training.
            token_dropout: share of tokens made unknown while training.

        Errors:
            PartError: an even length.
        """
        super().__init__(width)
        self.lengths = lengths
        self.features = features
        self.dropout = dropout
        self.token_dropout = token_dropout
        if even := [length for length in lengths if length % 2 == 0]:
            msg = f"TextCNN needs odd lengths, found {even}; a phrase has its token in the middle"
            raise PartError(msg)

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        self.embed = embedding(layout.vocabulary, self.width)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(self.width, self.features, length, padding=length // 2)
            for length in self.lengths
        )
        found = self.features * len(self.lengths)
        self.drop = nn.Dropout(self.dropout)
        self.mean = nn.Linear(found, self.width)
        self.largest = nn.Linear(found, self.width, bias=False)

    def encode(self, column: Column) -> Encoded:
        """Encode token ids."""
        ids = drop_tokens(column.values, self.token_dropout, training=self.training)
        x = self.drop(self.embed(ids)) * column.mask.unsqueeze(2)
        x = x.transpose(1, 2)
        found = torch.cat([F.relu(layer(x)) for layer in self.convolutions], 1).transpose(1, 2)
        largest = self.largest(self.drop(masked_max(found, column.mask)))
        tokens = self.mean(self.drop(found)) + largest.unsqueeze(1)
        return as_encoded(tokens, column.mask, column)
