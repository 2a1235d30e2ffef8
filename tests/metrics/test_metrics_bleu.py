"""BLEU by hand, and against sacrebleu on the same texts."""

import math
import sys

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from written_rows import (
    CANDIDATES,
    CHINESE,
    CHINESE_REFERENCES,
    REFERENCES,
    corpora,
    draws,
)

from sensorium.core.errors import ExtraError, SensoriumError
from sensorium.metrics import bleu, bleu_counts, bleu_tokenizer

NEAR = 1e-9


def theirs(candidates, references, tokenizer="13a", order=4, *, effective=False):
    streams = [
        [given[place] if place < len(given) else None for given in references]
        for place in range(max(map(len, references)))
    ]
    scorer = sacrebleu.BLEU(
        tokenize=tokenizer, max_ngram_order=order, effective_order=effective, force=True
    )
    return scorer.corpus_score(candidates, streams).score / 100


def test_by_hand():
    counts = bleu_counts(["the cat sat on a mat"], [["the cat sat on the mat"]])
    assert counts.matched.tolist() == [[5, 3, 2, 1]]
    assert counts.total.tolist() == [[6, 5, 4, 3]]
    assert bleu(counts) == pytest.approx((5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** (1 / 4), abs=NEAR)
    assert bleu(counts, order=2) == pytest.approx(math.sqrt(5 / 6 * 3 / 5), abs=NEAR)


def test_short_answers_are_punished_and_the_first_empty_order_counts_half_a_match():
    counts = bleu_counts(["a b c d"], [["a b c x d e"]])
    expected = math.exp(1 - 6 / 4) * (4 / 4 * 2 / 3 * 1 / 2 * 0.5 / 1) ** (1 / 4)
    assert bleu(counts) == pytest.approx(expected, abs=NEAR)


def test_of_references_equally_near_in_length_the_shorter_counts():
    counts = bleu_counts(["a b c"], [["a b c d", "a b", "a b c d e"]])
    assert counts.reference_length.tolist() == [2]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("effective", [False, True])
def test_like_sacrebleu(order, effective):
    ours = bleu(bleu_counts(CANDIDATES, REFERENCES), order=order, effective=effective)
    expected = theirs(CANDIDATES, REFERENCES, order=order, effective=effective)
    assert ours == pytest.approx(expected, abs=NEAR)
    assert 0 < ours < 1


def test_chinese_like_sacrebleu():
    assert bleu_tokenizer(CHINESE_REFERENCES) == "zh"
    assert bleu_tokenizer(REFERENCES) == "13a"
    ours = bleu(bleu_counts(CHINESE, CHINESE_REFERENCES))
    assert ours == pytest.approx(theirs(CHINESE, CHINESE_REFERENCES, "zh"), abs=NEAR)


@settings(max_examples=80, deadline=None)
@given(corpora, st.sampled_from(["13a", "zh"]), st.booleans())
def test_any_corpus_like_sacrebleu(corpus, tokenizer, effective):
    candidates, references = zip(*corpus, strict=True)
    ours = bleu(bleu_counts(candidates, references, tokenizer), effective=effective)
    expected = theirs(candidates, references, tokenizer, effective=effective)
    assert ours == pytest.approx(expected, abs=NEAR)
    assert 0 <= ours <= 1 + NEAR


@settings(max_examples=30, deadline=None)
@given(corpora)
def test_the_order_of_rows_and_of_references_changes_nothing(corpus):
    forth = bleu(bleu_counts(*zip(*corpus, strict=True), "13a"))
    back = [(candidate, references[::-1]) for candidate, references in corpus[::-1]]
    assert bleu(bleu_counts(*zip(*back, strict=True), "13a")) == pytest.approx(forth, abs=NEAR)


def test_a_perfect_answer_scores_one():
    answers = [given[-1] for given in REFERENCES]
    assert bleu(bleu_counts(answers, REFERENCES)) == pytest.approx(1, abs=NEAR)


def test_many_draws_at_once_are_the_draws_one_by_one():
    counts, drawn = bleu_counts(CANDIDATES, REFERENCES), draws(len(CANDIDATES))
    at_once = bleu(counts, drawn)
    for score, draw in zip(at_once, drawn, strict=True):
        picked = np.repeat(np.arange(len(draw)), draw)
        again = theirs([CANDIDATES[i] for i in picked], [REFERENCES[i] for i in picked])
        assert score == pytest.approx(again, abs=NEAR)


def test_no_rows_have_no_score():
    assert math.isnan(bleu(bleu_counts([], [])))
    one = bleu_counts(["a b c d"], [["a b c d"]])
    assert math.isnan(bleu(one, np.zeros(1)))
    assert np.isnan(bleu(one, np.array([[1.0], [0.0]]))).tolist() == [False, True]


def test_rows_without_references_are_refused():
    with pytest.raises(SensoriumError, match="row 1 has no reference"):
        bleu_counts(["a", "b"], [["a"], []])
    with pytest.raises(SensoriumError, match="references of row 0 are 'a'"):
        bleu_counts(["a"], ["a"])
    with pytest.raises(SensoriumError, match="candidates: 2, rows of references: 1"):
        bleu_counts(["a", "b"], [["a"]])


def test_without_sacrebleu_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sacrebleu.tokenizers.tokenizer_13a", None)
    with pytest.raises(ExtraError, match=r"sensorium\[text\]"):
        bleu_counts(["a"], [["a"]])
