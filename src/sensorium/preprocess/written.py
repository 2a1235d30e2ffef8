"""Words that are to be written: clean tuples of str, the texts that would be right for a row."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Int64

from sensorium.core.batch import Column, Layout
from sensorium.core.errors import CellError, SchemaError
from sensorium.core.schema import Text
from sensorium.preprocess.cells import missing, plain
from sensorium.preprocess.columns import ragged
from sensorium.preprocess.step import Step
from sensorium.preprocess.text import TextStep
from sensorium.preprocess.tokens import Tokens
from sensorium.preprocess.words import LOOKED_AT, is_chinese

Texts = tuple[str, ...]
Ids = Int64[np.ndarray, " time"]
Rows = Int64[np.ndarray, " rows"]


class WrittenStep(Step):
    """Reads the texts of a target, one or several a row, and numbers those of one of them.

    A text that is longer than ``max_tokens`` is a damaged cell, which is named; nothing is cut.
    Empty texts count as missing.

    Attributes:
        longest: the most tokens of a training text.
        chinese: whether the training texts are.
    """

    kind = "text"
    ragged = True
    field: Text

    def __init__(self, field: Text) -> None:
        super().__init__(field)
        if field.prefix or field.stop_words:
            msg = "a text that is to be written has no prefix and no stop_words: leave them out"
            raise SchemaError(msg)
        self._text = TextStep(field)
        self.longest = 0
        self.chinese = False

    @property
    def tokens(self) -> Tokens:
        """The tokenizer, which the training rows taught."""
        return self._text.tokens

    def read(self, cell: Any) -> Texts | None:
        """Read a text, a list of texts, or such a list written as JSON."""
        if not isinstance(cell, list | tuple | np.ndarray) and missing(cell):
            return None
        found = [self._text.read(one) for one in _listed(plain(cell))]
        return tuple(text.strip() for text in found if text is not None and text.strip()) or None

    def fit(self, cells: Sequence[Texts | None]) -> "WrittenStep":
        """Teach the tokenizer, and find the longest text that is not too long."""
        texts = [text for cell in cells if cell is not None for text in cell]
        self._text.fit(texts)
        self.chinese = is_chinese(texts[:LOOKED_AT])
        lengths = map(len, self.tokens.bare(texts))
        self.longest = max((n for n in lengths if n <= self.field.max_tokens), default=0)
        return self

    def check(self, cell: Texts) -> None:
        """Refuse texts that are longer than the limit.

        Errors:
            CellError: says how long the text is.
        """
        for text in cell:
            # A token is a letter at least, and one may stand for the beginning. Other scripts grow
            # in their normal form.
            if not text.isascii() or len(text) >= self.field.max_tokens:
                count = len(self.tokens.bare([text])[0])
                if count > self.field.max_tokens:
                    said = f"a text of {count} tokens, the limit is {self.field.max_tokens}"
                    raise CellError(said, "raise max_tokens of the target, or shorten the text")

    def __call__(self, cells: Sequence[Texts | None]) -> Column:
        """Number the tokens of each row's first text; the column carries them all."""
        ids = iter(self.tokens.bare([cell[0] for cell in cells if cell is not None]))
        rows = [None if cell is None else np.array(next(ids), np.int64) for cell in cells]
        column = ragged(rows, (), np.int64)
        return replace(column, texts=tuple(() if cell is None else cell for cell in cells))

    @property
    def layout(self) -> Layout:
        """The vocabulary, and the most tokens of a training text as length."""
        return replace(self._text.layout, length=max(1, self.longest))

    def state(self) -> Mapping[str, Any]:
        """Give the tokenizer, the longest text and the script."""
        return {**self._text.state(), "longest": self.longest, "chinese": self.chinese}

    def restore(self, state: Mapping[str, Any]) -> "WrittenStep":
        """Take them back."""
        self._text.restore(state)
        self.longest, self.chinese = state["longest"], state["chinese"]
        return self


class Written:
    """Keeps the texts of a target and the ids of them all; of several, turns take one each."""

    def __init__(self, step: WrittenStep) -> None:
        self.step = step
        self.texts: list[Texts] = []
        self.ids: list[list[Ids]] = []

    def add(self, cells: Sequence[Texts | None]) -> None:
        """Add the clean cells of a block of rows."""
        found = iter(self.step.tokens.bare([text for cell in cells for text in cell or ()]))
        for cell in cells:
            self.texts.append(cell or ())
            self.ids.append([np.array(next(found), np.int64) for _ in cell or ()])

    def column(self, rows: Rows, turn: int = 0) -> Column:
        """Take some rows, each with the ids of the text whose turn it is."""
        places = rows.tolist()
        chosen = [
            ids[(row + turn) % len(ids)] if (ids := self.ids[row]) else None for row in places
        ]
        column = ragged(chosen, (), np.int64)
        return replace(column, texts=tuple(self.texts[row] for row in places))

    def lengths(self) -> Rows:
        """Give the length of each row's longest text; 0 where there is none."""
        return np.array([max(map(len, ids), default=0) for ids in self.ids], np.int64)


def _listed(cell: Any) -> list[Any]:
    if isinstance(cell, list | tuple | np.ndarray):
        return list(cell)
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        try:
            found = json.loads(cell)
        except json.JSONDecodeError:
            return [cell]
        if isinstance(found, list) and all(isinstance(text, str | None) for text in found):
            return found
    return [cell]
