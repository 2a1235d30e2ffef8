"""Keywords by hand, and row by row from sets."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_rows import draws

from sensorium.core.errors import ExtraError, SensoriumError
from sensorium.metrics import (
    keyword_f1,
    keyword_hits,
    keyword_precision,
    keyword_recall,
    keyword_scores,
)
from sensorium.metrics import keywords as judged

EXACT = 1e-12
ANSWERED = [
    ["Neural Networks", "deep learning", "neural network", "vision"],
    ["语音 识别", "深度学习"],
    [],
    ["nothing", "to", "find"],
    ["graphs"],
]
TRUE = [
    ["computer vision", "neural network", "Deep-Learning"],
    ["语音识别", "声学模型"],
    ["one", "two"],
    [],
    ["graph", "trees", "a", "b", "c", "d"],
]
lists = st.lists(st.sampled_from(list("abcdefgh")), max_size=9)


def test_by_hand():
    hits = keyword_hits(ANSWERED, TRUE)
    assert hits.gold.tolist() == [3, 2, 2, 0, 6]
    assert hits.predicted.tolist() == [3, 2, 0, 3, 1]
    assert list(zip(hits.row.tolist(), hits.rank.tolist(), strict=True)) == [
        (0, 1), (0, 2), (1, 1), (4, 1),
    ]  # fmt: skip
    assert keyword_precision(hits, 1) == pytest.approx((1 + 1 + 0 + 1) / 4, abs=EXACT)
    assert keyword_precision(hits, 5) == pytest.approx((2 / 3 + 1 / 2 + 0 + 1) / 4, abs=EXACT)
    assert keyword_recall(hits, 1) == pytest.approx((1 / 3 + 1 / 2 + 0 + 1 / 6) / 4, abs=EXACT)
    assert keyword_f1(hits, "M") == pytest.approx((4 / 6 + 2 / 4 + 0 + 2 / 7) / 4, abs=EXACT)


def test_as_many_as_are_true():
    hits = keyword_hits([["x", "y", "b", "a"]], [["a", "b", "c"]])
    assert keyword_f1(hits, "O") == pytest.approx(2 * 1 / 6, abs=EXACT)
    assert keyword_f1(hits, "M") == pytest.approx(2 * 2 / 7, abs=EXACT)


def test_words_meet_by_stem_and_keep_their_order():
    hits = keyword_hits(
        [["learning networks", "Image Retrieval"]], [["retrieval images", "retrieve image"]]
    )
    assert hits.rank.tolist() == []
    hits = keyword_hits([["image-retrieval"]], [["Images retrieval"]])
    assert hits.rank.tolist() == [1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(lists, lists), min_size=1, max_size=6), st.integers(1, 6))
def test_any_rows_by_sets(rows, k):
    expected = []
    for answered, true in rows:
        first, gold = list(dict.fromkeys(answered))[:k], set(true)
        if gold:
            found = len(gold & set(first))
            expected.append(2 * found / (len(first) + len(gold)))
    hits = keyword_hits(*zip(*rows, strict=True))
    score = keyword_f1(hits, k)
    assert score == pytest.approx(
        np.mean(expected) if expected else math.nan, abs=EXACT, nan_ok=True
    )
    backwards = keyword_hits(*zip(*rows[::-1], strict=True))
    assert keyword_f1(backwards, k) == pytest.approx(score, abs=EXACT, nan_ok=True)


def test_perfect_answers_score_one():
    scores = keyword_scores(keyword_hits(TRUE, TRUE), at=(10,))
    assert scores == pytest.approx(dict.fromkeys(scores, 1), abs=EXACT)


def test_names():
    assert set(keyword_scores(keyword_hits(ANSWERED, TRUE))) == {
        *(f"keyword_{kind}_at_{k}" for kind in ("precision", "recall", "f1") for k in (5, 10)),
        "keyword_f1_at_o",
        "keyword_f1_at_m",
    }


def test_many_draws_at_once_are_the_draws_one_by_one():
    hits, drawn = keyword_hits(ANSWERED, TRUE), draws(len(TRUE))
    at_once = keyword_scores(hits, drawn)
    for place, draw in enumerate(drawn):
        picked = np.repeat(np.arange(len(draw)), draw)
        again = keyword_hits([ANSWERED[i] for i in picked], [TRUE[i] for i in picked])
        for name, score in keyword_scores(again).items():
            assert at_once[name][place] == pytest.approx(score, abs=EXACT, nan_ok=True)


def test_no_rows_have_no_score():
    assert math.isnan(keyword_f1(keyword_hits([], [])))
    assert math.isnan(keyword_f1(keyword_hits([["a"]], [[]])))


def test_one_text_is_no_list_of_keywords():
    with pytest.raises(SensoriumError, match="'a, b'; give a list"):
        keyword_hits(["a, b"], [["a"]])


def test_only_words_of_plain_letters_need_the_stemmer(monkeypatch):
    monkeypatch.setitem(sys.modules, "snowballstemmer", None)
    judged._porter.cache_clear()
    assert keyword_hits([["深度学习", "词"]], [["词"]]).rank.tolist() == [2]
    with pytest.raises(ExtraError, match=r"sensorium\[text\]"):
        keyword_hits([["unheard"]], [["unheard"]])
