"""A language model of n-grams: how probable is a text, before anything was heard?

N-grams are kept as arrays: of each length the sorted keys (the place of the n-gram without its
last word, times the vocabulary, plus that word), the log-probabilities and the back-offs.

Legend: grams = n-grams of one length.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32, Int64

from sensorium.core.errors import PartError, all_at_once
from sensorium.decoders.arpa import is_arpa, read_arpa
from sensorium.decoders.kneser_ney import BEGIN, END, UNKNOWN, Gram, Grams, kneser_ney

Unit = Literal["word", "char"]
LONGEST = 5
MARKS = {BEGIN, END, UNKNOWN}


@dataclass(frozen=True, eq=False)
class NgramTable:
    """The n-grams of one length.

    Attributes:
        keys: see above; rising.
        log_probs: of the last word behind the others.
        backoffs: of leaving the n-gram for one without its first word.
    """

    keys: Int64[np.ndarray, " grams"]
    log_probs: Float32[np.ndarray, " grams"]
    backoffs: Float32[np.ndarray, " grams"]


@dataclass(frozen=True, eq=False)
class NgramModel:
    """Gives the probability of texts.

    Attributes:
        unit: what texts are made of: ``"word"``, parted by spaces, or ``"char"``, which suits
            Chinese; then spaces do not count.
        words: the vocabulary, by number; with the marks of beginning, end and the unknown.
        tables: the n-grams of each length, shortest first.
    """

    unit: Unit
    words: tuple[str, ...]
    tables: tuple[NgramTable, ...]

    @classmethod
    def learn(cls, texts: Iterable[str], order: int = 3, unit: Unit = "word") -> "NgramModel":
        """Learn from texts by interpolated modified Kneser-Ney (Chen and Goodman 1999).

        Args:
            texts: one sentence each; empty ones do not count.
            order: how many words the longest n-gram has, 1 to 5.
            unit: what texts are made of.

        Errors:
            PartError: options that cannot be, one text and no list of them, or none that is not
                empty.
        """
        faults = []
        if not 1 <= order <= LONGEST:
            faults.append(f"order is 1 to {LONGEST}, found {order}")
        texts = _several(texts)
        sentences = [words for text in texts if (words := _split(text, unit))]
        if not sentences:
            faults.append("there is no text to learn from")
        if faults:
            raise PartError(all_at_once("a model of n-grams cannot be:", faults))
        return cls._packed(unit, kneser_ney(sentences, order))

    @classmethod
    def from_arpa(cls, file: str | Path, unit: Unit = "word") -> "NgramModel":
        """Read the n-grams of a toolkit such as KenLM or SRILM.

        Args:
            file: an ARPA file, or one packed by gzip.
            unit: what its words are; of ``"char"`` each is one character.

        Errors:
            PartError: the file is broken; names its line.
        """
        return cls._packed(unit, read_arpa(Path(file)))

    @classmethod
    def of_file(
        cls, file: str | Path, order: int, unit: Unit, spelled: Callable[[str], str] = str
    ) -> "NgramModel":
        """Read an ARPA file, or learn from the lines of a text.

        Args:
            file: either of them.
            order: of a text, as in ``learn``.
            unit: as in ``learn``.
            spelled: what becomes of the lines of a text before they are learned from.

        Errors:
            PartError: it cannot be read, is broken or empty.
        """
        file = Path(file).expanduser()
        if not file.is_file():
            msg = f"there is no file {str(file)!r}: name a text, or an ARPA file"
            raise PartError(msg)
        if is_arpa(file):
            return cls.from_arpa(file, unit)
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()
            return cls.learn(map(spelled, lines), order, unit)
        except (PartError, UnicodeDecodeError) as error:
            msg = f"{file} cannot be learned from: {error}"
            raise PartError(msg) from error

    @classmethod
    def _packed(cls, unit: Unit, grams: Sequence[Grams]) -> "NgramModel":
        words = tuple(sorted(word for (word,) in grams[0]))
        numbers = {word: number for number, word in enumerate(words)}
        places: dict[Gram, int] = {(): 0}
        tables = []
        for its in grams:
            rows = list(its)
            keys = [places[gram[:-1]] * len(words) + numbers[gram[-1]] for gram in rows]
            order = np.argsort(np.array(keys, np.int64))
            places = {rows[row]: place for place, row in enumerate(order.tolist())}
            chances = np.array(list(its.values()), np.float32).reshape(-1, 2)[order]
            tables.append(NgramTable(np.array(keys, np.int64)[order], *chances.T.copy()))
        return cls(unit, words, tuple(tables))

    @property
    def order(self) -> int:
        """How many words the longest n-gram has."""
        return len(self.tables)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """All that can follow: the words, the end and the unknown word."""
        return tuple(word for word in self.words if word != BEGIN)

    def knows(self, text: str) -> bool:
        """Tell whether any word of a text is known."""
        return any(word in self._numbers for word in _split(text, self.unit))

    def log_prob(self, text: str) -> float:
        """Give the natural logarithm of the probability of a text and its end."""
        return sum(self._steps(text))

    def perplexity(self, texts: Iterable[str]) -> float:
        """Give exp of the mean -log of the probability of each word, and of each end.

        Errors:
            PartError: one text, and no list of them.
        """
        steps = [step for text in _several(texts) for step in self._steps(text)]
        return math.exp(-sum(steps) / max(1, len(steps)))

    def next_log_prob(self, word: str, before: Sequence[str]) -> float:
        """Give the natural logarithm of the probability of a word behind others.

        Args:
            word: one of ``vocabulary``, or any other: the unknown word.
            before: what stands before it, where a text begins with ``"<s>"``.
        """
        return self._next(self._number(word), tuple(map(self._number, before)))

    def _steps(self, text: str) -> list[float]:
        ids = [self._numbers[BEGIN]]
        ids += [self._number(word) for word in _split(text, self.unit)]
        ids.append(self._numbers[END])
        return [
            self._next(ids[at], tuple(ids[max(0, at - self.order + 1) : at]))
            for at in range(1, len(ids))
        ]

    def _next(self, word: int, before: tuple[int, ...]) -> float:
        before = before[max(0, len(before) - self.order + 1) :]
        left = 0.0
        while (place := self._place((*before, word))) < 0:
            context = self._place(before)
            left += self.tables[len(before) - 1].backoffs[context] if context >= 0 else 0.0
            before = before[1:]
        return float(left + self.tables[len(before)].log_probs[place])

    def _place(self, ids: tuple[int, ...]) -> int:
        """Find the place of an n-gram in its table; -1 where it was never seen."""
        place = 0
        for number, table in zip(ids, self.tables, strict=False):
            key = place * len(self.words) + number
            place = int(table.keys.searchsorted(key))
            if place == len(table.keys) or table.keys[place] != key:
                return -1
        return place

    def _number(self, word: str) -> int:
        return self._numbers.get(word, self._numbers[UNKNOWN])

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words)}


def _split(text: str, unit: Unit) -> list[str]:
    words = text.split()
    return [w for w in words if w not in MARKS] if unit == "word" else list("".join(words))


def _several(texts: Iterable[str]) -> list[str]:
    """Refuse one text, whose letters would be taken for texts, and what is no text."""
    found = [texts] if isinstance(texts, str) else list(texts)
    wrong = [text for text in found if not isinstance(text, str)]
    if isinstance(texts, str) or wrong:
        shown = repr(texts if isinstance(texts, str) else wrong[0])
        msg = f"a list of texts is needed, found {shown[:60]}"
        raise PartError(msg)
    return found
