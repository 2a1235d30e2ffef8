"""ROUGE-L by hand, against a plain table of subsequences, and rouge-score's numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_rows import CANDIDATES, REFERENCES, corpora, draws

from sensorium.metrics import rouge_l, rouge_ls

EXACT = 1e-12
ROUGE_SCORE = [2 / 3, 10 / 16, 2 / 3, 1 / 2, 12 / 17, 6 / 17, 0, 1]
"""What rouge-score 0.1.2 gives for these texts (rougeL, best F of the references)."""


def by_table(left, right):
    table = np.zeros((len(left) + 1, len(right) + 1), int)
    for i, one in enumerate(left, 1):
        for j, other in enumerate(right, 1):
            alike = table[i - 1, j - 1] + 1
            table[i, j] = alike if one == other else max(table[i - 1, j], table[i, j - 1])
    return int(table[-1, -1])


def test_by_hand():
    assert rouge_ls(["police kill the gunman"], [["police killed the gunman"]]) == [3 / 4]
    assert rouge_ls(["the gunman kill police"], [["police killed the gunman"]]) == [2 / 4]
    assert rouge_ls(["a b c d e f"], [["b D!", "x"]]) == [2 * 2 / 8]


def test_like_rouge_score():
    assert rouge_ls(CANDIDATES, REFERENCES) == pytest.approx(ROUGE_SCORE, abs=EXACT)


def test_chinese_counts_by_character():
    assert rouge_ls(["狗在跑"], [["小狗，在奔跑。"]]) == pytest.approx([2 * 3 / 8], abs=EXACT)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_the_longest_common_subsequence_is_that_of_the_table(left, right):
    score = rouge_ls([" ".join(left)], [[" ".join(right)]])[0]
    expected = 2 * by_table(left, right) / max(1, len(left) + len(right))
    assert score == pytest.approx(expected, abs=EXACT)


@settings(max_examples=40, deadline=None)
@given(corpora)
def test_bounds_and_the_order_of_rows(corpus):
    scores = rouge_ls(*zip(*corpus, strict=True))
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (rouge_ls(*zip(*corpus[::-1], strict=True)) == scores[::-1]).all()


def test_the_score_is_the_average_of_the_rows_drawn():
    scores, drawn = rouge_ls(CANDIDATES, REFERENCES), draws(len(CANDIDATES))
    assert rouge_l(CANDIDATES, REFERENCES) == pytest.approx(scores.mean(), abs=EXACT)
    assert rouge_l(CANDIDATES, REFERENCES, drawn) == pytest.approx(drawn @ scores / 8, abs=EXACT)
