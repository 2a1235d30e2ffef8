"""Scores of speech recognition: the rates of wrong words (WER) and characters (CER).

Texts are aligned by jiwer (Levenshtein); a rate is all edits over all words, or characters, of the
truth. 0 is perfect and there is no upper end: an answer can have more wrong words than the truth
has words. Chinese is judged by CER; written without gaps, a sentence is one word to WER.

Legend: rows = pairs of what was said and what was heard.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Int

from sensorium.core.errors import ExtraError
from sensorium.metrics.chinese import LETTERS, has_chinese
from sensorium.metrics.references import check_rows
from sensorium.metrics.spoken_numbers import numbers_folded, signs_spelled
from sensorium.metrics.tally import Score, Weight, divide, weights

_APOSTROPHES = str.maketrans("’‘ʼ", "'''")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_SIGN = re.compile(r"(?<!\w)'|'(?!\w)|(?<!\d)\.|\.(?!\d)|[^\w\s'.]|_")
_GAP_BY_CHINESE = re.compile(f"(?<=[{LETTERS}])\\s+|\\s+(?=[{LETTERS}])")


@dataclass(frozen=True, eq=False)
class Edits:
    """What turns the truth into the answer, row by row.

    Attributes:
        hits: words, or characters, that were heard rightly.
        substitutions, deletions, insertions: that were changed, left out, or made up.
    """

    hits: Int[np.ndarray, " rows"]
    substitutions: Int[np.ndarray, " rows"]
    deletions: Int[np.ndarray, " rows"]
    insertions: Int[np.ndarray, " rows"]

    @property
    def wrong(self) -> Int[np.ndarray, " rows"]:
        """How many edits each row needs."""
        wrong: Int[np.ndarray, " rows"] = self.substitutions + self.deletions + self.insertions
        return wrong

    @property
    def length(self) -> Int[np.ndarray, " rows"]:
        """How long each row's truth is."""
        length: Int[np.ndarray, " rows"] = self.hits + self.substitutions + self.deletions
        return length


@dataclass(frozen=True, eq=False)
class Speech:
    """Both alignments of the same rows.

    Attributes:
        words, characters: the edits of each.
    """

    words: Edits
    characters: Edits


def spoken(text: str) -> str:
    """Write a text as it is heard, so that spelling habits are no errors.

    Full-width forms become plain ones (NFKC) and letters lower case; punctuation goes, but not the
    apostrophe inside a word nor the point inside a number; one space parts words, and none stands
    beside a Chinese character. Numbers are written in digits, without commas between thousands,
    and signs of money and per cent as words, unless the text is Chinese.
    """
    plain = unicodedata.normalize("NFKC", text).lower().translate(_APOSTROPHES)
    plain = _THOUSANDS.sub("", plain)
    if has_chinese(plain):
        return _GAP_BY_CHINESE.sub("", " ".join(_SIGN.sub(" ", plain).split()))
    return " ".join(numbers_folded(_SIGN.sub(" ", signs_spelled(plain)).split()))


def hear(
    truth: Sequence[str], answers: Sequence[str], normalise: Callable[[str], str] = spoken
) -> Speech:
    """Align every answer with what was said, by words and by characters, once.

    Args:
        truth: what was said, one text a row.
        answers: what was heard.
        normalise: applied to both; ``str`` leaves them as they are.

    Errors:
        SensoriumError: there are not as many answers as truths.
        ExtraError: jiwer is not installed.
    """
    said, heard = ([normalise(text) for text in texts] for texts in (truth, answers))
    return Speech(edits(said, heard, "words"), edits(said, heard, "characters"))


def edits(
    truth: Sequence[str], answers: Sequence[str], unit: Literal["words", "characters"]
) -> Edits:
    """Align texts as they are, by words or by characters; a space between words is a character.

    Errors:
        SensoriumError: there are not as many answers as truths.
        ExtraError: jiwer is not installed.
    """
    check_rows(truth, answers, "truths", "answers")
    try:
        import jiwer  # noqa: PLC0415  an extra, needed only to judge speech
    except ImportError as error:
        raise ExtraError("jiwer", "text", "A rate of wrong words or characters") from error
    align = jiwer.process_words if unit == "words" else jiwer.process_characters
    chunks = align(list(truth), list(answers)).alignments if truth else []
    table = np.array([_count(row) for row in chunks], dtype=np.int64).reshape(-1, 4)
    return Edits(*table.T)


def error_rate(edited: Edits, weight: Weight = None) -> Score:
    """Give all edits over the length of all truths.

    Where every truth that counts is empty, the edits are taken over 1: silence taken for silence
    is 0, and what was made up counts.

    Returns:
        0 and up; NaN when no row counts.
    """
    each = weights(len(edited.hits), weight)
    length = each @ edited.length
    rate = divide(each @ edited.wrong, np.where(length > 0, length, 1.0))
    found: Score = np.where(each.sum(-1) > 0, rate, np.nan)[()]
    return found


def speech_scores(speech: Speech, weight: Weight = None) -> dict[str, Score]:
    """Give all scores of speech recognition by name; less is better."""
    return {"wer": error_rate(speech.words, weight), "cer": error_rate(speech.characters, weight)}


def _count(chunks: Sequence[Any]) -> list[int]:
    """Count hits, substitutions, deletions and insertions of one row."""
    kinds = dict.fromkeys(("equal", "substitute", "delete", "insert"), 0)
    for chunk in chunks:
        kinds[chunk.type] += max(
            chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx
        )
    return list(kinds.values())
