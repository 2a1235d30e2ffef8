"""Words that are searched for: what they are looked up by, and how texts that hold them rank.

Texts are looked up by trigrams, which serve Chinese too. The store on SQLite leaves the ranking to
FTS5; ``Ranking`` gives the same one of texts that lie elsewhere.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float64, Int64

Ids = Int64[np.ndarray, " _"]

SHORTEST = 3
"""Shorter runs of characters have no trigram; they are looked for letter by letter."""
K1, B = 1.2, 0.75
"""Of BM25: how soon more of the same counts no more, and how much long texts are held back."""
PATTERNS = 100
"""So many parts are looked for in one pass over a text."""
LEAST = 1e-6
"""The weight of what more than half of all texts hold."""


@dataclass(frozen=True)
class Asked:
    """What words are looked up by.

    Attributes:
        long: runs that have trigrams, each of them to be held somewhere in a text.
        short: runs of one or two characters.
    """

    long: tuple[str, ...]
    short: tuple[str, ...]


def asked(words: str) -> Asked:
    """Take words apart; short ones of scripts with spaces count only where none is longer."""
    parts = [piece for word in re.findall(r"\w+", words) for piece in pieces(word)]
    long = tuple(part for part in parts if len(part) >= SHORTEST)
    short = [p for p in parts if len(p) < SHORTEST and (not long or _is_spaceless(p))]
    return Asked(long, tuple(short))


def pieces(word: str) -> list[str]:
    """Cut a run without spaces in scripts that have none into trigrams; leave other words whole."""
    if len(word) <= SHORTEST or not _is_spaceless(word):
        return [word]
    return [word[start : start + SHORTEST] for start in range(len(word) - SHORTEST + 1)]


def _is_spaceless(word: str) -> bool:
    return any(sign >= "\u2e80" for sign in word)


def folded(text: str) -> str:
    """Make letters that differ only in case the same, each by one letter."""
    if text.isascii():
        return text.lower()
    whole = text.casefold()
    if len(whole) == len(text):
        return whole
    return "".join(one if len(one := sign.casefold()) == 1 else sign for sign in text)


def texts_with(texts: pa.Array, parts: Sequence[str]) -> pa.Array:
    """Tell which texts hold one of the parts, which are letters and digits only."""
    held = pa.array(np.zeros(len(texts), np.bool_))
    for start in range(0, len(parts), PATTERNS):
        pattern = "|".join(parts[start : start + PATTERNS])
        held = pc.or_(held, pc.match_substring_regex(texts, pattern))
    return held


def trigrams(text: str) -> int:
    """Count the trigrams of a text."""
    return max(0, len(text) - SHORTEST + 1)


def times(part: str, text: str) -> int:
    """Count where a text holds a part; places may overlap."""
    count, start = 0, text.find(part)
    while start >= 0:
        count, start = count + 1, text.find(part, start + 1)
    return count


@dataclass
class Ranking:
    """How well texts speak of some parts, by Okapi BM25 (Robertson and Walker 1994).

    Every text is shown to it once, by ``count``; ``best`` ranks those that hold a part.

    Args:
        parts: as ``asked`` gives them, folded.
    """

    parts: Sequence[str]
    texts: int = 0
    total: int = 0
    _ids: list[int] = field(default_factory=list)
    _sizes: list[int] = field(default_factory=list)
    _times: list[list[int]] = field(default_factory=list)

    def pass_by(self, texts: int, total: int) -> None:
        """Count texts, and the trigrams of all of them."""
        self.texts += texts
        self.total += total

    def hold(self, number: int, text: str) -> None:
        """Count a text that holds one of the parts; it was passed by as well."""
        self._ids.append(number)
        self._sizes.append(trigrams(text))
        self._times.append([times(part, text) for part in self.parts])

    def best(self, most: int) -> list[int]:
        """Give the ids of the texts that hold a part, the best first; of equals the lowest id."""
        if not self._ids:
            return []
        ids, found = np.array(self._ids), np.array(self._times, np.float64)
        longer = B * np.array(self._sizes) / (self.total / self.texts)
        scores: Float64[np.ndarray, " texts"] = np.zeros(len(ids))
        for often in found.T:
            held = int((often > 0).sum())
            rarity = math.log((self.texts - held + 0.5) / (held + 0.5))
            weight = rarity if rarity > 0 else LEAST
            scores += weight * (often * (K1 + 1.0) / (often + K1 * (1 - B + longer)))
        return [int(one) for one in ids[np.lexsort((ids, -scores))][:most]]
