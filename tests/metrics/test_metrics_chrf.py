"""chrF by hand, and against sacrebleu on the same texts."""

import math

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from written_rows import (
    CANDIDATES,
    CHINESE,
    CHINESE_REFERENCES,
    REFERENCES,
    corpora,
    draws,
)

from sensorium.metrics import chrf, chrf_counts

NEAR = 1e-9


def theirs(candidates, references):
    streams = [
        [given[place] if place < len(given) else None for given in references]
        for place in range(max(map(len, references)))
    ]
    return sacrebleu.CHRF().corpus_score(candidates, streams).score / 100


def test_by_hand():
    counts = chrf_counts(["a bc"], [["abx"]])
    assert counts.matched.tolist() == [[2, 1, 0, 0, 0, 0]]
    assert counts.total.tolist() == counts.reference_total.tolist() == [[3, 2, 1, 0, 0, 0]]
    both = (2 / 3 + 1 / 2 + 0) / 3
    assert chrf(counts) == pytest.approx(both, abs=NEAR)


def test_recall_counts_four_times():
    precision, recall = 1.0, (2 / 4 + 1 / 3) / 2
    expected = 5 * precision * recall / (4 * precision + recall)
    assert chrf(chrf_counts(["ab"], [["abcd"]])) == pytest.approx(expected, abs=NEAR)


@pytest.mark.parametrize(
    "rows", [(CANDIDATES, REFERENCES), (CHINESE, CHINESE_REFERENCES)], ids=["English", "Chinese"]
)
def test_like_sacrebleu(rows):
    ours = chrf(chrf_counts(*rows))
    assert ours == pytest.approx(theirs(*rows), abs=NEAR)
    assert 0.1 < ours < 1


@settings(max_examples=80, deadline=None)
@given(corpora)
def test_any_corpus_like_sacrebleu(corpus):
    candidates, references = zip(*corpus, strict=True)
    ours = chrf(chrf_counts(candidates, references))
    assert ours == pytest.approx(theirs(candidates, references), abs=NEAR)
    assert 0 <= ours <= 1 + NEAR


def test_a_perfect_answer_scores_one():
    answers = [given[-1] for given in REFERENCES]
    assert chrf(chrf_counts(answers, REFERENCES)) == pytest.approx(1, abs=NEAR)


def test_many_draws_at_once_are_the_draws_one_by_one():
    counts, drawn = chrf_counts(CANDIDATES, REFERENCES), draws(len(CANDIDATES))
    for score, draw in zip(chrf(counts, drawn), drawn, strict=True):
        picked = np.repeat(np.arange(len(draw)), draw)
        again = theirs([CANDIDATES[i] for i in picked], [REFERENCES[i] for i in picked])
        assert score == pytest.approx(again, abs=NEAR)


def test_no_rows_have_no_score():
    assert math.isnan(chrf(chrf_counts([], [])))
    assert math.isnan(chrf(chrf_counts(["a"], [["a"]]), np.zeros(1)))
