"""Which letters are Chinese, and texts as words where Chinese has no gaps between its words.

A score of words that knows only gaps would take a Chinese sentence for one word. Here each Chinese
character is a word of its own, which needs no dictionary and gives everyone the same figure.
"""

import re
import unicodedata
from collections.abc import Iterable

LETTERS = "㐀-䶿一-鿿豈-﫿"
"""Chinese characters, as the inside of a regular expression's brackets."""

_CHINESE = re.compile(f"[{LETTERS}]")
_WORD = re.compile(f"[{LETTERS}]|[^\\W_{LETTERS}]+")


def has_chinese(text: str) -> bool:
    """Tell whether a text has any Chinese character."""
    return _CHINESE.search(text) is not None


def mostly_chinese(texts: Iterable[str]) -> bool:
    """Tell whether more than a quarter of all letters and digits are Chinese characters."""
    letters = "".join(texts)
    return len(_CHINESE.findall(letters)) * 4 > sum(map(str.isalnum, letters))


def apart(text: str) -> str:
    """Set each Chinese character off by spaces."""
    return _CHINESE.sub(r" \g<0> ", text)


def plain_words(text: str) -> list[str]:
    """Give the runs of letters and digits in lower case, each Chinese character by itself.

    Full-width letters and digits count as the plain ones; all other signs only separate.
    """
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())
