"""When each word was said: the tokens that were heard, joined to words.

Legend: times in seconds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sensorium.decoders import Heard
from sensorium.metrics.chinese import has_chinese
from sensorium.preprocess.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it was heard; of Chinese, a character.

    Attributes:
        text: the word.
        start, end: when it was said, seconds from the beginning of the recording.
        confidence: how sure its least sure token is, 0 to 1.
    """

    text: str
    start: float
    end: float
    confidence: float


def timed(tokens: Tokens, heard: Heard, pace: float, start: float = 0.0) -> Iterator[Word]:
    """Join tokens to words, with their times.

    Args:
        tokens: knows their text.
        heard: the tokens, their times in steps.
        pace: seconds a step.
        start: when the first step begins.
    """
    for text, held in joined(tokens, heard.ids):
        yield Word(
            text,
            round(start + pace * heard.starts[held[0]], 3),
            round(start + pace * heard.ends[held[-1]], 3),
            min(heard.chances[place] for place in held),
        )


def joined(tokens: Tokens, ids: Sequence[int]) -> Iterator[tuple[str, list[int]]]:
    """Join tokens to words: each with the places of its tokens."""
    said, word = "", ""
    held: list[int] = []
    waiting: list[int] = []  # of a character that is not whole yet
    for place in range(len(ids)):
        text = tokens.text(ids[: place + 1])
        piece, said = (text[len(said) :] if text.startswith(said) else text), text
        waiting.append(place)
        if not piece:
            continue
        if held and (piece[:1].isspace() or has_chinese(piece) or has_chinese(word)):
            yield word, held
            word, held = "", []
        if piece.strip():
            word, held = word + piece.strip(), held + waiting
        waiting = []
    if word:
        yield word, held
