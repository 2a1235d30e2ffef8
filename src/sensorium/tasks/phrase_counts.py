"""What training rows tell of words and phrases as keywords, counted into tables of fixed size.

Words are told by a hash of their letters, so that the counts are saved with the weights and need
no list of words; of so many rows two words seldom meet.
"""

from collections.abc import Sequence
from functools import lru_cache
from zlib import crc32

import numpy as np
import torch
from jaxtyping import Bool, Int64
from torch import Tensor, nn

from sensorium.metrics.keywords import Keyword, keyword_stems
from sensorium.tasks.phrases import Phrase, Word, phrases_of, words_of_text

WORDS, KEYS = 2**16, 2**17
ROWS, TOTAL, BEGINS, ENDS, INSIDE = range(5)
"""What is counted of a word: rows with it, its places, and those at the begin, at the end and
inside of keywords."""
STOP_ROWS, STOP_EDGES = 0.01, 0.01
"""A word in so large a share of rows is a stop word, if it stands at the edge of a keyword in no
larger share of its places."""


@lru_cache(maxsize=200_000)
def bucket(word: str, size: int) -> int:
    """Give the place of a word in a table."""
    return crc32(word.encode()) % size


def key_bucket(key: Keyword) -> int:
    """Give the place of a keyword in the table of keywords."""
    return bucket(" ".join(key), KEYS)


class PhraseCounts(nn.Module):
    """Counts of words and of keywords, learned from training rows."""

    words: Tensor
    keys: Tensor
    rows: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("words", torch.zeros(WORDS, 5, dtype=torch.int64))
        self.register_buffer("keys", torch.zeros(KEYS, dtype=torch.int64))
        self.register_buffer("rows", torch.zeros((), dtype=torch.int64))

    def learn(self, texts: Sequence[tuple[str, ...]], keywords: Sequence[tuple[str, ...]]) -> None:
        """Count, in place of all that was counted before."""
        self.words.zero_()
        self.keys.zero_()
        self.rows.fill_(len(texts))
        table, keys = np.zeros((WORDS, 5), np.int64), np.zeros(KEYS, np.int64)
        for row, its in zip(texts, keywords, strict=True):
            gold = {keyword_stems(keyword) for keyword in its}
            for key in gold:
                keys[key_bucket(key)] += 1
            for text in row[:1]:
                words = words_of_text(text)
                phrases = phrases_of(text, words, lambda _: False)
                for place, counts in own_counts(words, phrases, gold).items():
                    table[place] += counts
        self.words.copy_(torch.from_numpy(table))
        self.keys.copy_(torch.from_numpy(keys))

    def stops(self) -> Bool[np.ndarray, " words"]:
        """Tell, by place in the table, which words can neither begin nor end a phrase."""
        table = self.words.cpu().numpy()
        often = table[:, ROWS] >= max(5.0, STOP_ROWS * self.rows.item())
        seldom = table[:, BEGINS] + table[:, ENDS] <= STOP_EDGES * table[:, TOTAL]
        found: Bool[np.ndarray, " words"] = often & seldom
        return found


def own_counts(
    words: Sequence[Word], phrases: Sequence[Phrase], gold: set[Keyword]
) -> dict[int, Int64[np.ndarray, " 5"]]:
    """Count what one row says of its words, by their places in the table."""
    marks = np.zeros((len(words), 5), np.int64)
    marks[:, TOTAL] = 1
    for phrase in phrases:
        if phrase.key in gold:
            for first in phrase.places:
                last = first + phrase.size
                marks[first, BEGINS] = marks[last - 1, ENDS] = 1
                marks[first:last, INSIDE] = 1
    found: dict[int, Int64[np.ndarray, " 5"]] = {}
    for word, its in zip(words, marks, strict=True):
        place = bucket(word.low, WORDS)
        found[place] = found.get(place, 0) + its
    for counts in found.values():
        counts[ROWS] = 1
    return found
