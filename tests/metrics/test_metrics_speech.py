"""Rates of wrong words and characters by hand, and against jiwer's own."""

import math
import sys

import jiwer
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_rows import draws

from sensorium.core.errors import ExtraError, SensoriumError
from sensorium.metrics import edits, error_rate, hear, speech_scores, spoken

EXACT = 1e-12
SAID = ["the cat sat on the mat", "hello world", "", "red green blue", "我爱北京天安门"]
HEARD = ["the cat sit on mat", "hello big wide world", "uh", "", "我爱被京天门"]
lines = st.lists(st.sampled_from(["a", "b", "cat", "狗"]), max_size=6).map(" ".join)


def test_by_hand():
    words = edits(SAID, HEARD, "words")
    assert words.hits.tolist() == [4, 2, 0, 0, 0]
    assert words.substitutions.tolist() == [1, 0, 0, 0, 1]
    assert words.deletions.tolist() == [1, 0, 0, 3, 0]
    assert words.insertions.tolist() == [0, 2, 1, 0, 0]
    assert words.length.tolist() == [6, 2, 0, 3, 1]
    assert error_rate(words) == pytest.approx((2 + 2 + 1 + 3 + 1) / 12, abs=EXACT)
    characters = edits(SAID[-1:], HEARD[-1:], "characters")
    assert error_rate(characters) == pytest.approx(2 / 7, abs=EXACT)


def test_like_jiwer():
    scores = speech_scores(hear(SAID, HEARD))
    assert scores == pytest.approx(
        {"wer": jiwer.wer(SAID, HEARD), "cer": jiwer.cer(SAID, HEARD)}, abs=EXACT
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(lines, lines), min_size=1, max_size=5))
def test_any_rows_like_jiwer(rows):
    said, heard = (list(side) for side in zip(*rows, strict=True))
    scores = speech_scores(hear(said, heard, str))
    assert scores == pytest.approx(
        {"wer": jiwer.wer(said, heard), "cer": jiwer.cer(said, heard)}, abs=EXACT
    )
    assert min(scores.values()) >= 0
    backwards = speech_scores(hear(said[::-1], heard[::-1], str))
    assert backwards == pytest.approx(scores, abs=EXACT)


def test_what_was_heard_rightly_has_no_errors():
    assert speech_scores(hear(SAID, SAID)) == {"wer": 0, "cer": 0}


def test_silence():
    assert speech_scores(hear([""], [""])) == {"wer": 0, "cer": 0}
    assert speech_scores(hear([""], ["uh oh"])) == {"wer": 2, "cer": 5}
    assert speech_scores(hear(["a b"], [""])) == {"wer": 1, "cer": 1}


def test_no_rows_have_no_score():
    assert all(math.isnan(score) for score in speech_scores(hear([], [])).values())
    assert math.isnan(error_rate(edits(["a"], ["b"], "words"), np.zeros(1)))


def test_many_draws_at_once_are_the_draws_one_by_one():
    found, drawn = hear(SAID, HEARD), draws(len(SAID))
    at_once = speech_scores(found, drawn)
    for place, draw in enumerate(drawn):
        picked = np.repeat(np.arange(len(draw)), draw)
        said, heard = [SAID[i] for i in picked], [HEARD[i] for i in picked]
        assert at_once["wer"][place] == pytest.approx(jiwer.wer(said, heard), abs=EXACT)
        assert at_once["cer"][place] == pytest.approx(jiwer.cer(said, heard), abs=EXACT)


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("Hello,  World!", "hello world"),
        ("It’s the dogs' 'best' day", "it's the dogs best day"),
        ("twenty-one, or 21?", "21 or 21"),
        ("10,000 km in 3.5 h.", "10000 km in 3.5 h"),
        ("well... a_b", "well a b"),
        ("我爱 北京，天安门！", "我爱北京天安门"),
        ("我 用 ＭＰ３ player 听歌", "我用mp3 player听歌"),
        ("《红楼梦》——第１回：“甄士隐”", "红楼梦第1回甄士隐"),
        ("", ""),
    ],
)
def test_texts_are_written_as_they_are_heard(text, heard):
    assert spoken(text) == heard
    assert spoken(heard) == heard


def test_sides_of_different_length_are_refused():
    with pytest.raises(SensoriumError, match="truths: 2, answers: 1"):
        hear(["a", "b"], ["a"])


def test_without_jiwer_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "jiwer", None)
    with pytest.raises(ExtraError, match=r"sensorium\[text\]"):
        hear(["a"], ["a"])
