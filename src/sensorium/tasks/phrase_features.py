"""What there is to be seen of a phrase without understanding it: numbers, and hashes of its edges.

Of a training row, its own share of the counts is taken off before, or it would give itself away.

Legend: phrases = phrases of one text, features = numbers of a phrase.
"""

from dataclasses import dataclass
from math import exp, log, log1p

import numpy as np
from jaxtyping import Float32, Int64

from sensorium.metrics.keywords import Keyword
from sensorium.tasks.phrase_counts import (
    BEGINS,
    ENDS,
    INSIDE,
    ROWS,
    TOTAL,
    WORDS,
    PhraseCounts,
    bucket,
    key_bucket,
    own_counts,
)
from sensorium.tasks.phrases import LONGEST, Phrase, Word, phrases_of, words_of_text

FEATURES = 33
SUFFIXES = 1_024
LETTERS = 3
VECTORS = 8_192
PRIOR = 2.0
"""So many places weigh as much as what is usual of all words."""


@dataclass(frozen=True, eq=False)
class Seen:
    """The phrases of a text and what is seen of them.

    Attributes:
        phrases: the phrases.
        features: numbers.
        edges: hashes of the last letters of the first and last word, and of those before and after.
        words: hashes of the words, padded with ``VECTORS``.
    """

    phrases: tuple[Phrase, ...]
    features: Float32[np.ndarray, " phrases features"]
    edges: Int64[np.ndarray, " phrases 4"]
    words: Int64[np.ndarray, " phrases _"]


def see(text: str, counts: PhraseCounts, own: set[Keyword] | None = None) -> Seen:
    """Find the phrases of a text.

    Args:
        text: the text.
        counts: what training rows tell.
        own: the true keywords, where the text is a row that was counted.
    """
    words = words_of_text(text)
    hashes = np.array([bucket(word.low, WORDS) for word in words], np.int64)
    stops = counts.stops()[hashes]
    stopped = {word.low for word, stop in zip(words, stops.tolist(), strict=True) if stop}
    phrases = phrases_of(text, words, stopped.__contains__)
    table = counts.words.cpu().numpy()[hashes]
    if own is not None:
        every = phrases_of(text, words, lambda _: False)
        mine = own_counts(words, every, own)
        table = table - np.array([mine[place] for place in hashes.tolist()]).reshape(-1, 5)
    rates, idf = _rates(table.clip(min=0).astype(np.float32), counts)
    keys = counts.keys.cpu().numpy()
    sight = _Sight(words, (idf / 5).tolist(), stops.tolist(), *(3 * rates).T.tolist())
    rows = [
        sight.of(p, float(keys[key_bucket(p.key)]) - (own is not None and p.key in own))
        for p in phrases
    ]
    suffix = [1 + bucket(word.low[-LETTERS:], SUFFIXES - 1) for word in words]
    vector = [bucket(word.low, VECTORS) for word in words]
    return Seen(
        tuple(phrases),
        np.array(rows, np.float32).reshape(len(phrases), FEATURES),
        np.array([_edges(p, words, suffix) for p in phrases], np.int64).reshape(-1, 4),
        np.array([_padded(p, vector) for p in phrases], np.int64).reshape(-1, LONGEST),
    )


def _rates(
    table: Float32[np.ndarray, " words 5"], counts: PhraseCounts
) -> tuple[Float32[np.ndarray, " words 3"], Float32[np.ndarray, " words"]]:
    """Give how often each word begins, ends and is inside of a keyword, and how rare it is."""
    whole = counts.words.sum(0).cpu().numpy()
    usual = whole[[BEGINS, ENDS, INSIDE]] / max(1.0, float(whole[TOTAL]))
    rates = (table[:, [BEGINS, ENDS, INSIDE]] + PRIOR * usual) / (table[:, [TOTAL]] + PRIOR)
    idf = np.log((1 + counts.rows.item()) / (1 + table[:, ROWS]))
    return rates.astype(np.float32), idf.astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Sight:
    """The words of a text, and of each how rare it is, whether it is a stop word, its rates."""

    words: list[Word]
    idf: list[float]
    stops: list[bool]
    begins: list[float]
    ends: list[float]
    inside: list[float]

    def of(self, phrase: Phrase, known: float) -> list[float]:
        first, last = phrase.places[0], phrase.places[0] + phrase.size - 1
        idf, inside = self.idf[first : last + 1], self.inside[first : last + 1]
        count, total = len(phrase.places), len(self.words)
        spread = (phrase.places[-1] - first) / total
        sentence, final = self.words[first].sentence, self.words[-1].sentence
        shown = [word.text for word in self.words[first : last + 1]]
        mean = sum(idf) / phrase.size
        return [
            log1p(count), mean, min(idf), max(idf), log1p(count) * mean,
            first / total, exp(-first / 20), spread, spread > 0,
            sentence == 0, self.words[phrase.places[-1]].sentence == final,
            sentence == 0 and spread > 0.1,
            *(phrase.size == size for size in range(1, LONGEST + 1)),
            log(len(phrase.text)) / 3,
            sum(word[0].isupper() for word in shown) / phrase.size,
            all(word.isupper() and len(word) > 1 for word in shown),
            any("-" in word for word in shown),
            any(map(str.isdigit, phrase.text)),
            log1p(max(0.0, known)), known > 0,
            self.begins[first], self.ends[last], sum(inside) / phrase.size, min(inside),
            *self._beside(phrase),
        ]  # fmt: skip

    def _beside(self, phrase: Phrase) -> list[float]:
        """Look at the words before and after, averaged over all places."""
        found = [0.0] * 6
        for first in phrase.places:
            after = first + phrase.size
            if first == 0 or not self.words[first].joined:
                found[0] += 1
            else:
                found[1] += self.stops[first - 1]
                found[2] += self.inside[first - 1]
            if after == len(self.words) or not self.words[after].joined:
                found[3] += 1
            else:
                found[4] += self.stops[after]
                found[5] += self.inside[after]
        return [value / len(phrase.places) for value in found]


def _edges(phrase: Phrase, words: list[Word], suffix: list[int]) -> list[int]:
    first, after = phrase.places[0], phrase.places[0] + phrase.size
    before = suffix[first - 1] if first and words[first].joined else 0
    behind = suffix[after] if after < len(words) and words[after].joined else 0
    return [before, suffix[first], suffix[after - 1], behind]


def _padded(phrase: Phrase, vector: list[int]) -> list[int]:
    first = phrase.places[0]
    its = vector[first : first + phrase.size]
    return its + [VECTORS] * (LONGEST - len(its))
