"""Scores of answers to questions: VQA accuracy, exact match and token F1. All 0 to 1.

VQA accuracy (Antol et al. 2015) asks how many people gave the answer; exact match and token F1
(SQuAD, Rajpurkar et al. 2016) how near it comes to the best of the references. Each is a number a
row, averaged over rows. Chinese counts by character.

Legend: rows = questions, each with one answer given and one or more true ones.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from jaxtyping import Float

from sensorium.metrics.chinese import apart, has_chinese
from sensorium.metrics.contractions import CONTRACTIONS
from sensorium.metrics.references import check_references
from sensorium.metrics.tally import Score, Weight, mean

ENOUGH = 3
"""So many people who say the same make an answer wholly right."""

ARTICLES = frozenset({"a", "an", "the"})
_UP_TO_TEN = "zero one two three four five six seven eight nine ten"
NUMBERS = {word: str(number) for number, word in enumerate(_UP_TO_TEN.split())} | {"none": "0"}

_SIGNS = ';/[]"{}()=+\\_-><@`,?!'
_DIGITS_COMMA = re.compile(r"\d,\d")
_PERIOD = re.compile(r"\.(?!\d)")
_ARTICLE = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True, eq=False)
class Answered:
    """How right each answer is.

    Attributes:
        vqa: VQA accuracy.
        exact: 1 where a reference says just that.
        token_f1: the words shared with the best reference.
    """

    vqa: Float[np.ndarray, " rows"]
    exact: Float[np.ndarray, " rows"]
    token_f1: Float[np.ndarray, " rows"]


def judge_answers(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> Answered:
    """Compare every answer with the true ones, once.

    Errors:
        SensoriumError: a row has no reference.
    """
    return Answered(
        vqa_accuracies(candidates, references),
        exact_matches(candidates, references),
        token_f1s(candidates, references),
    )


def answer_scores(answered: Answered, weight: Weight = None) -> dict[str, Score]:
    """Give all scores of answers by name."""
    return {
        "vqa_accuracy": mean(answered.vqa, weight),
        "exact_match": mean(answered.exact, weight),
        "token_f1": mean(answered.token_f1, weight),
    }


def vqa_accuracies(
    candidates: Sequence[str], references: Sequence[Sequence[str]]
) -> Float[np.ndarray, " rows"]:
    """Give each row's VQA accuracy.

    Each person in turn is left out; the answer is as right as the share of three others that said
    it, at most 1; averaged over whom was left out. As in the official program, answers are cleaned
    up only where people differ, and a row of four or more is scored alike. With fewer, all of the
    others must agree; a lone answer is cleaned up and simply has to match.

    Errors:
        SensoriumError: a row has no reference.
    """
    check_references(candidates, references)
    pairs = zip(candidates, references, strict=True)
    return np.array([_vqa(*pair) for pair in pairs], dtype=np.float64)


def vqa_answer(text: str) -> str:
    """Clean an answer up as VQA does: lower case, no punctuation, no articles, digits for words."""
    plain = _one_line(text)
    glued = _DIGITS_COMMA.search(plain) is not None
    cleaned = plain
    for sign in _SIGNS:
        beside_space = f"{sign} " in plain or f" {sign}" in plain
        cleaned = cleaned.replace(sign, "" if glued or beside_space else " ")
    words = [NUMBERS.get(w, w) for w in _PERIOD.sub("", cleaned).lower().split()]
    return " ".join(CONTRACTIONS.get(word, word) for word in words if word not in ARTICLES)


def exact_matches(
    candidates: Sequence[str], references: Sequence[Sequence[str]]
) -> Float[np.ndarray, " rows"]:
    """Give 1 for each row whose answer has the same words as a reference, else 0.

    Errors:
        SensoriumError: a row has no reference.
    """
    check_references(candidates, references)
    return np.array(
        [
            answer_words(candidate) in [answer_words(one) for one in given]
            for candidate, given in zip(candidates, references, strict=True)
        ],
        dtype=np.float64,
    )


def token_f1s(
    candidates: Sequence[str], references: Sequence[Sequence[str]]
) -> Float[np.ndarray, " rows"]:
    """Give each row's F1 of the words, in whatever order, with the best of its references.

    Errors:
        SensoriumError: a row has no reference.
    """
    check_references(candidates, references)
    return np.array(
        [
            max(_f1(answer_words(candidate), answer_words(one)) for one in given)
            for candidate, given in zip(candidates, references, strict=True)
        ],
        dtype=np.float64,
    )


def answer_words(text: str) -> list[str]:
    """Split as SQuAD does: lower case, no punctuation, no articles.

    In a text with Chinese characters each of them is a word, full-width letters count as the plain
    ones, and Chinese punctuation goes too.
    """
    plain = text.lower()
    if has_chinese(text):
        plain = "".join(
            sign
            for sign in unicodedata.normalize("NFKC", plain)
            if not unicodedata.category(sign).startswith("P")
        )
    return apart(_ARTICLE.sub(" ", plain.translate(_PUNCTUATION))).split()


def _f1(candidate: list[str], reference: list[str]) -> float:
    if not candidate or not reference:
        return float(candidate == reference)
    shared = (Counter(candidate) & Counter(reference)).total()
    return 2 * shared / (len(candidate) + len(reference))


def _vqa(candidate: str, references: Sequence[str]) -> float:
    said, true = _one_line(candidate), [_one_line(one) for one in references]
    if len(true) == 1 or len(set(true)) > 1:
        said, true = vqa_answer(said), [vqa_answer(one) for one in true]
    if len(true) == 1:
        return float(said == true[0])
    people, agree = len(true), true.count(said)
    enough = min(ENOUGH, people - 1)
    left_out = chain([agree - 1] * agree, [agree] * (people - agree))
    return sum(min(others / enough, 1.0) for others in left_out) / people


def _one_line(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").strip()
