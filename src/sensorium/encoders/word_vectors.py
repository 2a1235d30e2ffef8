"""Text by the average of its words' vectors and a small network (Iyyer et al. 2015)."""

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.errors import PartError
from sensorium.encoders.encoder import Encoder, one_token
from sensorium.encoders.text import drop_tokens, embedding
from sensorium.encoders.word_table import read_word_table
from sensorium.nn.masks import masked_mean
from sensorium.nn.mlp import MLP

MARKS = 2
"""Ids of padding and of unknown words, which no file has."""


class WordVectors(Encoder):
    """A deep averaging network: the order of words is lost, all else is kept.

    With a ``source``, the vectors are those of a file; the model that is saved holds them, so the
    file is not needed again.

    Attributes:
        found: how many words of the vocabulary the file has.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"text"})

    def __init__(
        self,
        width: int,
        dropout: float = 0.2,
        token_dropout: float = 0.2,
        source: str = "",
        tuned: bool = False,  # noqa: FBT001, FBT002  kept unchanged under its own name
    ) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            dropout: share of features dropped while training.
            token_dropout: share of words made unknown while training.
            source: a file of word vectors: GloVe, word2vec or fastText as text, or gzipped. The
                column needs ``Text(tokenizer="words")``. "" learns the vectors from nothing.
            tuned: whether vectors from a file are trained further.
        """
        super().__init__(width)
        self.dropout = dropout
        self.token_dropout = token_dropout
        self.source = str(source)
        self.tuned = tuned
        self.found = 0
        self._known: Mapping[str, Any] = {}

    def setup(self, layout: Layout) -> None:
        """Make the weights, or read them.

        Errors:
            PartError: the source cannot be read, or the column's tokens are no words.
        """
        self.embed = self._read(layout) if self.source else embedding(layout.vocabulary, self.width)
        dim = self.embed.embedding_dim
        self.project = nn.Identity() if dim == self.width else nn.Linear(dim, self.width)
        self.norm = nn.LayerNorm(self.width)
        self.mlp = MLP(self.width, 2 * self.width, dropout=self.dropout)

    def _read(self, layout: Layout) -> nn.Embedding:
        """Take the vectors of the vocabulary from the file, or room for those that follow."""
        if self._known:
            self.found = self._known["found"]
            vectors = torch.zeros(layout.vocabulary, self._known["dim"])
        else:
            if not layout.words:
                msg = (
                    f"WordVectors(source={self.source!r}) needs words: use Text(tokenizer='words')"
                )
                raise PartError(msg)
            table = read_word_table(self.source, layout.words[MARKS:])
            self.found = table.known
            vectors = torch.cat([torch.zeros(MARKS, table.vectors.shape[1]), table.vectors])
            self._report(len(layout.words) - MARKS)
        made: nn.Embedding = nn.Embedding.from_pretrained(  # type: ignore[no-untyped-call]
            vectors, freeze=not self.tuned, padding_idx=0
        )
        return made

    def _report(self, words: int) -> None:
        if 2 * self.found < words:
            msg = (
                f"{self.source} has {self.found:,} of the column's {words:,} words: is it of the "
                "same language, and are its words split and written alike?"
            )
            warnings.warn(msg, UserWarning, stacklevel=4)

    def encode(self, column: Column) -> Encoded:
        """Encode token ids."""
        ids = drop_tokens(column.values, self.token_dropout, training=self.training)
        average = self.norm(self.project(masked_mean(self.embed(ids), column.mask)))
        return one_token(average + self.mlp(average), column)

    def state(self) -> Mapping[str, Any]:
        """Give how many numbers a word has, and how many words were found."""
        return {"dim": self.embed.embedding_dim, "found": self.found} if self.source else {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them back; the vectors will follow."""
        self._known = state
