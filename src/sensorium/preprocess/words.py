"""Word-level tokens: a regular expression, and jieba where the text is Chinese."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from sensorium.core.errors import ExtraError
from sensorium.preprocess.tokens import PAD, SPECIAL, UNKNOWN, Place, Tokens, composed

_WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
_CHINESE = re.compile(r"[㐀-䶿一-鿿]")
LOOKED_AT = 1_000
"""So many texts decide whether a column is Chinese."""


class Words(Tokens):
    """Words and signs of punctuation, or single characters: the commonest of the training rows.

    Attributes:
        vocabulary: the most ids.
        lowercase: fold upper and lower case.
        stop_words: words left out.
        characters: whether each character is a token of its own.
        chinese: whether words are found by jieba; learnt from the training rows.
    """

    def __init__(
        self,
        vocabulary: int,
        *,
        lowercase: bool = False,
        stop_words: Sequence[str] = (),
        characters: bool = False,
    ) -> None:
        self.vocabulary = vocabulary
        self.lowercase = lowercase
        self.stop_words = frozenset(w.lower() if lowercase else w for w in stop_words)
        self.characters = characters
        self.chinese = False
        self._words: list[str] = list(SPECIAL)
        self._ids: dict[str, int] = {}

    @property
    def size(self) -> int:
        """How many different ids there are."""
        return len(self._words)

    @property
    def entries(self) -> tuple[str, ...]:
        """The words in the order of their ids, the marks of padding and unknown words first."""
        return tuple(self._words)

    def fit(self, texts: Iterable[str]) -> None:
        """Learn the commonest words; equals in the order of the alphabet."""
        texts = list(texts)
        self.chinese = not self.characters and is_chinese(islice(texts, LOOKED_AT))
        counts = Counter(word for text in texts for word in self.words(text))
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        self._learn([*SPECIAL, *ranked[: self.vocabulary - len(SPECIAL)]])

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """Give each text's ids."""
        ids = self._ids
        return [[ids.get(word, UNKNOWN) for word in self.words(text)] for text in texts]

    def words(self, text: str) -> list[str]:
        """Split a text into words, without the stop words."""
        if self.lowercase:
            text = text.lower()
        if self.characters:
            return list(unicodedata.normalize("NFC", text))
        found = chinese_words(text) if self.chinese else _WORD.findall(text)
        return [word for word in found if word not in self.stop_words]

    def spans(self, texts: Sequence[str]) -> list[list[Place]]:
        """Tell which characters each id stands for."""
        return [self._spans(text) for text in texts]

    def _spans(self, text: str) -> list[Place]:
        folded = text.lower() if self.lowercase else text
        # Folding case may make several letters of one: whence did each come?
        whence = [at for at, letter in enumerate(text) for _ in letter.lower()]
        whence = whence if self.lowercase else list(range(len(text)))
        if self.characters:
            return [(whence[a], whence[b - 1] + 1) for a, b in composed(folded)]
        found = chinese_words(folded) if self.chinese else _WORD.findall(folded)
        places, end = [], 0
        for word in found:
            start = folded.index(word, end)
            end = start + len(word)
            if word not in self.stop_words:
                places.append((whence[start], whence[end - 1] + 1))
        return places

    def text(self, ids: Sequence[int]) -> str:
        """Join ids back to text."""
        gap = "" if self.chinese or self.characters else " "
        return gap.join(self._words[i] for i in ids if i != PAD)

    def state(self) -> Mapping[str, Any]:
        """Give the words in the order of their ids."""
        return {"words": self._words, "chinese": self.chinese}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them back."""
        self.chinese = state["chinese"]
        self._learn(list(state["words"]))

    def _learn(self, words: list[str]) -> None:
        self._words = words
        self._ids = {w: i for i, w in enumerate(words) if i >= len(SPECIAL)}


def is_chinese(texts: Iterable[str]) -> bool:
    """Tell whether more than a quarter of the letters and digits are Chinese."""
    letters = "".join(texts)
    return len(_CHINESE.findall(letters)) * 4 > sum(map(str.isalnum, letters))


def chinese_words(text: str) -> list[str]:
    """Split Chinese text into words and signs; white space is left out.

    Errors:
        ExtraError: jieba is not installed.
    """
    try:
        import jieba  # noqa: PLC0415  an extra, needed only for Chinese
    except ImportError as error:
        raise ExtraError("jieba", "chinese", "Splitting Chinese text into words") from error
    jieba.setLogLevel("WARNING")
    return [word for word in jieba.cut(text) if not word.isspace()]
