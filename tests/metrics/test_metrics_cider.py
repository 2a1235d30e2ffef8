"""CIDEr-D by hand, and against the numbers of the COCO captions' own program."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from written_rows import CANDIDATES, REFERENCES, corpora

from sensorium.core.errors import SensoriumError
from sensorium.metrics import Cider, caption_tokens, ciders

EXACT = 1e-12
PYCOCOEVALCAP = [
    2.133640985, 1.448740137, 1.53127523, 0.263471858, 2.02940181, 0.501344047, 0.0, 1.932687443,
]  # fmt: skip
"""What pycocoevalcap's cider.py gives for these texts, tokenized by ``caption_tokens``."""


def tokens(rows):
    return [[caption_tokens(text) for text in row] for row in rows]


def judged(candidates=CANDIDATES, references=REFERENCES):
    return ciders([caption_tokens(text) for text in candidates], tokens(references))


def test_by_hand():
    """Two rows, so an n-gram of one of them weighs log 2, and one of both weighs nothing."""
    references = [[["a", "dog"]], [["a", "cat"]]]
    scores = ciders([["a", "dog"], ["a", "dog"]], references)
    assert scores == pytest.approx([10 * (1 + 1) / 4, 0], abs=EXACT)
    longer = Cider.fit(references)([["the", "old", "dog"]], [[["old", "dog"]]])
    # three and two words of weight log 2: two shared of 3 and 2; then one pair of 2 and 1
    alike = 2 / math.sqrt(3 * 2) + 1 / math.sqrt(2)
    assert longer == pytest.approx([10 * alike / 4 * math.exp(-1 / 72)], abs=EXACT)


def test_repeating_a_word_does_not_pay():
    references = [[["red", "ball"]], [["green", "tree"]]]
    cider = Cider.fit(references)
    once, often = cider([["red", "ball"], ["red", "red"]], [references[0]] * 2)
    assert often < once / 2


def test_like_pycocoevalcap():
    assert judged() == pytest.approx(PYCOCOEVALCAP, abs=1e-8)
    assert judged().mean() == pytest.approx(1.230070188661085, abs=1e-8)


def test_rarity_can_come_from_other_rows():
    """As for self-critical training: fitted once, then asked of a few rows at a time."""
    cider = Cider.fit(tokens(REFERENCES))
    some = cider([caption_tokens(CANDIDATES[0])], tokens(REFERENCES[:1]))
    assert some == pytest.approx(PYCOCOEVALCAP[:1], abs=1e-8)
    assert cider.documents == len(REFERENCES)
    assert cider.frequency["a", "red"] == 2


def test_of_a_single_row_nothing_is_rare():
    assert judged(CANDIDATES[:1], REFERENCES[:1]) == [0]


def test_no_rows():
    assert ciders([], []).tolist() == []
    with pytest.raises(SensoriumError, match="no references to learn"):
        Cider.fit([])
    with pytest.raises(SensoriumError, match="candidates: 1, rows of references: 0"):
        ciders([["a"]], [])


def test_texts_are_no_lists_of_words():
    with pytest.raises(SensoriumError, match="list of lists of words"):
        ciders([["a"]], [["a dog"]])


def test_captions_lose_punctuation_and_keep_words():
    assert caption_tokens("The man's dog doesn't run, on 3.5 km!") == [
        "the", "man", "'s", "dog", "does", "n't", "run", "on", "3.5", "km",
    ]  # fmt: skip
    assert caption_tokens('"Black-and-white" (50% off) -- 10:30...') == [
        "black-and-white", "50", "%", "off", "10:30",
    ]  # fmt: skip
    assert caption_tokens("一只狗，在 MP３ 旁边。") == [*"一只狗在", "mp3", *"旁边"]


@settings(max_examples=50, deadline=None)
@given(corpora)
def test_bounds_and_the_order_of_rows(corpus):
    scores = judged(*zip(*corpus, strict=True))
    assert ((scores >= 0) & (scores <= 10 + 1e-9)).all()
    assert judged(*zip(*corpus[::-1], strict=True)) == pytest.approx(scores[::-1], abs=EXACT)


def test_a_lone_reference_repeated_word_for_word_scores_ten():
    alone = [given[:1] for given in REFERENCES[:5]]
    assert judged([given[0] for given in alone], alone) == pytest.approx(np.full(5, 10), abs=1e-9)
