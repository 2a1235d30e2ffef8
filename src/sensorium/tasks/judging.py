"""By which scores written texts are judged, one family of scores a purpose.

A family turns rows of texts and references into counts once; its scores, and a bootstrap of a
thousand draws, are then sums. Legend: rows = texts whose references are known.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from sensorium.core.errors import PartError, nearest
from sensorium.metrics import (
    Score,
    Speech,
    Weight,
    answer_scores,
    hear,
    judge_answers,
    overlap,
    overlap_scores,
    speech_scores,
)
from sensorium.tasks.head import Array

Texts = tuple[str, ...]
Judge = Literal["caption", "answer", "text", "speech", "chinese speech"]


@dataclass(frozen=True)
class Family:
    """The scores of one purpose.

    Attributes:
        primary: the score that chooses the best epoch.
        judge: (texts, references) -> what the scores are made of, row by row.
        scores: (that, weight) -> every score by name.
        errors: that -> how wrong each row is; 0 is perfect.
        lower_is_better: whether less of the primary score is better.
    """

    primary: str
    judge: Callable[[Texts, tuple[Texts, ...]], Any]
    scores: Callable[[Any, Weight], Mapping[str, Score]]
    errors: Callable[[Any], Array]
    lower_is_better: bool = False


def _heard(texts: Texts, references: tuple[Texts, ...]) -> Speech:
    return hear([right[0] for right in references], texts)


def _wrong(found: Speech) -> Array:
    """Give each row's rate of wrong characters."""
    return np.asarray(found.characters.wrong / found.characters.length.clip(min=1))


FAMILIES: dict[str, Family] = {
    "caption": Family("cider_d", overlap, overlap_scores, lambda found: 1 - found.rouge_l),
    "text": Family("chrf", overlap, overlap_scores, lambda found: 1 - found.rouge_l),
    "answer": Family("exact_match", judge_answers, answer_scores, lambda found: 1 - found.token_f1),
    "speech": Family("wer", _heard, speech_scores, _wrong, lower_is_better=True),
    "chinese speech": Family("cer", _heard, speech_scores, _wrong, lower_is_better=True),
}


def family_of(name: str) -> Family:
    """Look a family up.

    Errors:
        PartError: there is none of that name.
    """
    if name not in FAMILIES:
        msg = f"texts are judged as {name!r}?{nearest(name, FAMILIES)}"
        raise PartError(msg)
    return FAMILIES[name]


@lru_cache(maxsize=16)
def judged(name: str, texts: Texts, references: tuple[Texts, ...]) -> Any:
    """Compare texts with their references; asked again for the same texts, it remembers."""
    return FAMILIES[name].judge(texts, references)
