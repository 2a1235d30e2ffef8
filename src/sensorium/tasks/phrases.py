"""Phrases of a text that could be keywords: runs of words, and where they stand. Knows no scores.

A phrase is a run of one word to ``LONGEST`` with no punctuation inside. Chinese words are found by
jieba, all others by gaps and signs.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sensorium.metrics.chinese import has_chinese
from sensorium.metrics.keywords import Keyword, keyword_stems
from sensorium.preprocess.words import chinese_words

LONGEST = 4
"""So many words a phrase has at most."""
_WORD = re.compile(r"[^\W_]+(?:[-'’./&][^\W_]+)*\+*")
_ENDS = re.compile(r"[.!?。！？；;](?=\s|$|[㐀-鿿])|\n\s*\n")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text.

    Attributes:
        text: as it stands.
        low: in lower case.
        start, end: its characters.
        joined: whether nothing but white space stands between it and the word before.
        sentence: the number of its line or sentence, from 0.
    """

    text: str
    low: str
    start: int
    end: int
    joined: bool
    sentence: int


@dataclass(frozen=True, slots=True)
class Phrase:
    """A run of words that stands somewhere in a text, or at several places.

    Attributes:
        key: the stems by which keywords are compared.
        text: as it stands at its first place.
        size: how many words it has.
        places: the number of its first word, for each place.
    """

    key: Keyword
    text: str
    size: int
    places: tuple[int, ...]


def words_of_text(text: str) -> list[Word]:
    """Find the words of a text."""
    found: list[Word] = []
    ends = [match.end() for match in _ENDS.finditer(text)]
    first = text.find("\n")
    if 0 <= first < 200:  # a title stands in a line of its own
        ends = sorted({*ends, first + 1})
    before = sentence = 0
    for start, end in _places(text):
        while sentence < len(ends) and start >= ends[sentence]:
            sentence += 1
        joined = bool(found) and not text[before:start].strip()
        word = text[start:end]
        found.append(Word(word, word.lower(), start, end, joined, sentence))
        before = end
    return found


def _places(text: str) -> Iterator[tuple[int, int]]:
    if not has_chinese(text):
        for match in _WORD.finditer(text):
            yield match.span()
        return
    end = 0
    for piece in chinese_words(text):
        start = text.index(piece, end)
        end = start + len(piece)
        if any(map(str.isalnum, piece)):
            yield start, end


def phrases_of(text: str, words: list[Word], is_stop: Callable[[str], bool]) -> list[Phrase]:
    """List the phrases of a text in the order of their first places.

    Args:
        text: the text.
        words: its words.
        is_stop: whether a word, in lower case, can neither begin nor end a phrase.
    """
    stops = [is_stop(word.low) or (len(word.low) == 1 and word.low.isascii()) for word in words]
    keys = [keyword_stems(word.text) for word in words]
    found: dict[tuple[Keyword, int], tuple[str, list[int]]] = {}
    for first in range(len(words)):
        if stops[first] or not keys[first]:
            continue
        key: Keyword = ()
        for last in range(first, min(first + LONGEST, len(words))):
            if last > first and not words[last].joined:
                break
            key += keys[last]
            if stops[last] or (last == first and words[first].low.isdigit()):
                continue
            shown = " ".join(text[words[first].start : words[last].end].split())
            found.setdefault((key, last - first + 1), (shown, []))[1].append(first)
    return [Phrase(key, shown, size, tuple(at)) for (key, size), (shown, at) in found.items()]
