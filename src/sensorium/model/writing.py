"""Texts as a model wrote them, and piece by piece while it does."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sensorium.core.errors import PartError, nearest
from sensorium.decoders import Draft
from sensorium.tasks import Task, Writer
from sensorium.tasks.words_head import WordsHead
from sensorium.tasks.writer import writers_of


@dataclass(frozen=True, slots=True)
class Piece:
    """A token of a text, and how probable it was, 0 to 1."""

    text: str
    chance: float


@dataclass(frozen=True, slots=True)
class Written:
    """A text as it was written.

    Attributes:
        text: the text; of a prefix that was given, what stands behind it, space and all.
        chance: the probability of the text as a whole, 0 to 1.
        pieces: its tokens, which make up the text; of a character of several tokens, the last
            holds it and those before are empty.
        ended: whether it came to its end, and was not cut at the limit.
    """

    text: str
    chance: float
    pieces: tuple[Piece, ...]
    ended: bool


def writer_in(task: Task, target: str | None = None) -> Writer:
    """Find what writes in a task.

    Args:
        task: the task.
        target: what it writes; None takes the only one.

    Errors:
        PartError: nothing writes, or not that, or it is not clear which is meant.
    """
    writers = writers_of(task)
    if target is not None and target in writers:
        return writers[target]
    if writers and target is not None:
        msg = f"{target!r} is not written{nearest(target, writers)}"
        raise PartError(msg)
    if len(writers) > 1:
        msg = f"the model writes {' and '.join(map(repr, writers))}: name one, target=..."
        raise PartError(msg)
    if not writers:
        msg = f"{type(task).__name__} writes no texts token by token; use model.predict(...)"
        raise PartError(msg)
    return next(iter(writers.values()))


def written(draft: Draft, head: WordsHead, prefix: str = "") -> Written:
    """Turn a draft into a text."""
    ends = [head.text(draft.ids[: n + 1], prefix) for n in range(len(draft.ids))]
    begins = ["", *ends[:-1]]
    pieces = tuple(
        Piece(end[len(begin) :] if end.startswith(begin) else "", math.exp(chance))
        for begin, end, chance in zip(begins, ends, draft.log_probs, strict=False)
    )
    chance = math.exp(sum(draft.log_probs))
    return Written(ends[-1] if ends else "", chance, pieces[: len(draft.ids)], draft.ended)


def pieces(texts: Iterable[str]) -> Iterator[str]:
    """Give what each text adds to the one before."""
    said = ""
    for text in texts:
        if text.startswith(said) and text != said:
            yield text[len(said) :]
            said = text
