"""Words: clean str; Int[batch time] of token ids."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from sensorium.core.batch import Column, Layout
from sensorium.core.errors import CellError
from sensorium.core.schema import Text
from sensorium.preprocess.cells import missing, plain, wrong_type
from sensorium.preprocess.columns import ragged
from sensorium.preprocess.step import Step
from sensorium.preprocess.tokens import UNKNOWN, Place, Pretrained, Subwords, Tokens
from sensorium.preprocess.words import Words

MARKS = 4
"""A tokenizer makes at most one token a byte, and so many marks around them."""


class TextStep(Step):
    """Reads texts and turns them into ids with a tokenizer that the training rows taught.

    Attributes:
        tokens: the tokenizer.
        texts: how many training rows have a text.
        cut: how many of them are longer than ``max_tokens``.
    """

    kind = "text"
    ragged = True
    field: Text

    def __init__(self, field: Text) -> None:
        super().__init__(field)
        self.tokens = tokens_for(field)
        self.texts = 0
        self.cut = 0

    def read(self, cell: Any) -> str | None:
        """Read a text; a number becomes its digits."""
        return read_text(cell)

    def fit(self, cells: Sequence[str | None]) -> "TextStep":
        """Teach the tokenizer, and count the texts that will be cut."""
        texts = [self.field.prefix + cell for cell in cells if cell is not None]
        self.tokens.fit(texts)
        self.texts = len(texts)
        most = self.field.max_tokens
        long = [text for text in texts if len(text.encode()) + MARKS > most]
        self.cut = sum(len(ids) > most for ids in self.tokens(long))
        return self

    def __call__(self, cells: Sequence[str | None]) -> Column:
        """Number the tokens, cut at ``max_tokens``; a text without any token is one unknown."""
        prefix = self.field.prefix
        found = iter(self.tokens([prefix + cell for cell in cells if cell is not None]))
        rows = [None if cell is None else self._row(next(found)) for cell in cells]
        texts = tuple(() if cell is None else (cell,) for cell in cells)
        return replace(ragged(rows, (), np.int64), texts=texts)

    def places(self, cell: str) -> list[Place]:
        """Tell which characters each of a text's tokens stands for, token by token as in a column.

        Tokens that stand for none, such as a tokenizer's own marks, begin and end at one place.
        """
        skipped = len(self.field.prefix)
        (found,) = self.tokens.spans([self.field.prefix + cell])
        kept = self.tokens.cut(found, self.field.max_tokens) or [(0, len(cell) + skipped)]
        return [(max(0, start - skipped), max(0, end - skipped)) for start, end in kept]

    def _row(self, ids: list[int]) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.array(self.tokens.cut(ids, self.field.max_tokens) or [UNKNOWN], np.int64)

    @property
    def layout(self) -> Layout:
        """The vocabulary, and the most tokens as length."""
        return Layout(
            "text",
            vocabulary=self.tokens.size,
            length=self.field.max_tokens,
            tokenizer=self.tokens.digest,
            words=self.tokens.entries,
        )

    def state(self) -> Mapping[str, Any]:
        """Give the tokenizer and the counts."""
        return {"tokens": dict(self.tokens.state()), "texts": self.texts, "cut": self.cut}

    def restore(self, state: Mapping[str, Any]) -> "TextStep":
        """Take them back."""
        self.tokens.restore(state["tokens"])
        self.texts, self.cut = state["texts"], state["cut"]
        return self


def read_text(cell: Any) -> str | None:
    """Read a text out of a raw cell; None when it is missing.

    Errors:
        CellError: the cell holds no text.
    """
    if missing(cell):
        return None
    cell = plain(cell)
    if isinstance(cell, bool) or not isinstance(cell, str | int | float | Decimal):
        raise wrong_type(cell, "text")
    if isinstance(cell, float) and not math.isfinite(cell):
        raise wrong_type(cell, "text")
    text = str(cell)
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise CellError("text that is not Unicode (half a surrogate pair)", "encode it again")
    return text


def tokens_for(field: Text) -> Tokens:
    """Pick the tokenizer that a field asks for."""
    if field.tokenizer == "bpe":
        return Subwords(field.vocabulary, field.lowercase)
    if field.tokenizer in {"words", "characters"}:
        return Words(
            field.vocabulary,
            lowercase=field.lowercase,
            stop_words=field.stop_words,
            characters=field.tokenizer == "characters",
        )
    return Pretrained(field.tokenizer)
