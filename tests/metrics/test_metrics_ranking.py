"""Orderings against hand-counted pairs and scikit-learn, ties above all."""

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from sensorium.metrics.ranking import (
    auroc,
    average_precision,
    class_auroc,
    class_average_precision,
)

EXACT = 1e-12


def drawn(rows: int = 500, levels: int = 0, seed: int = 0):
    rng = np.random.default_rng(seed)
    truth = rng.random(rows) < 0.3
    score = rng.normal(size=rows) + truth
    if levels:  # few levels, many ties
        score = np.round(score * levels) / levels
    return truth, score, rng.integers(0, 4, rows).astype(float)


def test_auroc_counts_pairs_and_half_of_ties():
    truth = np.array([True, True, False, False])
    assert auroc(truth, np.array([0.9, 0.4, 0.4, 0.1])) == (1 + 1 + 0.5 + 1) / 4
    assert auroc(truth, np.array([0.5, 0.5, 0.5, 0.5])) == 0.5
    assert auroc(truth, np.array([0.1, 0.2, 0.3, 0.4])) == 0.0


def test_average_precision_by_hand():
    truth = np.array([True, False, True, False])
    score = np.array([0.9, 0.8, 0.7, 0.1])
    assert average_precision(truth, score) == pytest.approx((1 / 1 + 2 / 3) / 2, abs=EXACT)


@pytest.mark.parametrize("levels", [0, 3, 1])
@pytest.mark.parametrize("use_weight", [False, True])
def test_like_scikit_learn(levels, use_weight):
    truth, score, weight = drawn(levels=levels)
    w = weight if use_weight else None
    theirs = sk.roc_auc_score(truth, score, sample_weight=w)
    assert auroc(truth, score, w) == pytest.approx(theirs, abs=EXACT)
    theirs = sk.average_precision_score(truth, score, sample_weight=w)
    assert average_precision(truth, score, w) == pytest.approx(theirs, abs=EXACT)


@pytest.mark.parametrize("use_weight", [False, True])
def test_classes_against_the_rest_like_scikit_learn(use_weight):
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 4, 300)
    probability = rng.dirichlet(np.ones(4), 300) + np.eye(4)[truth] / 4
    probability /= probability.sum(1, keepdims=True)
    w = rng.integers(0, 3, 300).astype(float) if use_weight else None
    each = [sk.roc_auc_score(truth == c, probability[:, c], sample_weight=w) for c in range(4)]
    assert class_auroc(truth, probability, w) == pytest.approx(np.mean(each), abs=EXACT)
    each = [
        sk.average_precision_score(truth == c, probability[:, c], sample_weight=w) for c in range(4)
    ]
    found = class_average_precision(truth, probability, w)
    assert found == pytest.approx(np.mean(each), abs=EXACT)
    if not use_weight:
        theirs = sk.roc_auc_score(truth, probability, multi_class="ovr")
        assert class_auroc(truth, probability) == pytest.approx(theirs, abs=EXACT)


def test_two_classes_are_ranked_by_class_1():
    truth, score, _ = drawn()
    one = 1 / (1 + np.exp(-score))
    probability = np.stack([1 - one, one], 1)
    assert class_auroc(truth.astype(int), probability) == auroc(truth, one)
    found = class_average_precision(truth.astype(int), probability)
    assert found == average_precision(truth, one)


def test_a_class_that_does_not_occur_is_left_out():
    truth = np.array([0, 0, 1, 1])
    probability = np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.6, 0.4, 0.0]])
    assert class_auroc(truth, probability) == pytest.approx((3 / 4 + 4 / 4) / 2, abs=EXACT)


def test_one_class_only_has_no_ranking():
    alike, score = np.ones(4, dtype=bool), np.arange(4.0)
    assert math.isnan(auroc(alike, score))
    assert average_precision(alike, score) == 1.0
    assert math.isnan(average_precision(~alike, score))
    assert math.isnan(class_auroc(np.zeros(4, dtype=int), np.full((4, 2), 0.5)))
    assert math.isnan(auroc(np.zeros(0, dtype=bool), np.zeros(0)))


def test_many_draws_at_once_are_the_draws_one_by_one():
    truth, score, _ = drawn(rows=120, levels=2)
    draws = np.random.default_rng(2).multinomial(120, np.ones(120) / 120, 15)
    draws[4, truth] = 0  # a draw without a positive row
    for metric in (auroc, average_precision):
        at_once = metric(truth, score, draws)
        assert at_once.shape == (15,)
        assert math.isnan(at_once[4])
        for place, draw in enumerate(draws):
            picked = np.repeat(np.arange(120), draw)
            repeated = metric(truth[picked], score[picked])
            assert at_once[place] == pytest.approx(repeated, abs=EXACT, nan_ok=True)


def test_infinite_scores_tie_too():
    for truth in ([True, False], [False, True]):
        for far in (np.inf, -np.inf):
            assert auroc(np.array(truth), np.full(2, far)) == 0.5
            assert average_precision(np.array(truth), np.full(2, far)) == 0.5
