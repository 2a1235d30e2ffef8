"""Scores of several labels a row against hand numbers and scikit-learn."""

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from sensorium.metrics.tags import (
    f1_macro,
    f1_micro,
    f1_samples,
    mean_average_precision,
    subset_accuracy,
    tag_f1,
    tag_log_losses,
    tag_scores,
)

EXACT = 1e-12


def drawn(rows: int = 200, tags: int = 5, seed: int = 0):
    rng = np.random.default_rng(seed)
    truth = rng.random((rows, tags)) < np.linspace(0.1, 0.6, tags)
    probability = np.clip(0.3 * truth + 0.7 * rng.random((rows, tags)), 0, 1)
    return truth, probability > 0.5, probability, rng.integers(0, 4, rows).astype(float)


def test_by_hand():
    truth = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]], dtype=bool)
    chosen = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0]], dtype=bool)
    assert tag_f1(truth, chosen).tolist() == pytest.approx([1, 2 / 3, 0], abs=EXACT)
    assert f1_macro(truth, chosen) == pytest.approx(5 / 9, abs=EXACT)
    assert f1_micro(truth, chosen) == pytest.approx(2 * 2 / 6, abs=EXACT)
    assert f1_samples(truth, chosen) == pytest.approx((1 / 2 + 1 + 0) / 3, abs=EXACT)
    assert subset_accuracy(truth, chosen) == 2 / 3
    losses = tag_log_losses(truth[:1], np.array([[0.5, 0.25, 1.0]]))
    assert losses.tolist() == pytest.approx([-(math.log(0.5) + math.log(0.75)) / 3], abs=EXACT)


@pytest.mark.parametrize("use_weight", [False, True])
def test_like_scikit_learn(use_weight):
    truth, chosen, probability, weight = drawn()
    w = weight if use_weight else None
    ours = tag_scores(truth, chosen, probability, w)
    theirs = {
        f"f1_{average}": sk.f1_score(
            truth, chosen, average=average, sample_weight=w, zero_division=0
        )
        for average in ("micro", "macro", "samples")
    }
    theirs["subset_accuracy"] = sk.accuracy_score(truth, chosen, sample_weight=w)
    theirs["map"] = sk.average_precision_score(truth, probability, sample_weight=w)
    theirs["auroc"] = sk.roc_auc_score(truth, probability, sample_weight=w)
    theirs["log_loss"] = np.mean(
        [sk.log_loss(truth[:, t], probability[:, t], sample_weight=w) for t in range(5)]
    )
    assert ours == pytest.approx(theirs, abs=EXACT)


def test_tags_that_never_occur_are_left_out_of_the_rankings():
    truth, _, probability, _ = drawn()
    truth[:, 2] = False
    kept = [0, 1, 3, 4]
    expected = mean_average_precision(truth[:, kept], probability[:, kept])
    assert mean_average_precision(truth, probability) == expected


def test_nothing_true_and_nothing_answered():
    nothing = np.zeros((3, 2), dtype=bool)
    scores = tag_scores(nothing, nothing, np.full((3, 2), 0.25))
    assert (scores["f1_micro"], scores["f1_macro"], scores["f1_samples"]) == (0, 0, 0)
    assert scores["subset_accuracy"] == 1
    assert math.isnan(scores["map"])


def test_many_draws_at_once_are_the_draws_one_by_one():
    truth, chosen, probability, _ = drawn(rows=50)
    draws = np.random.default_rng(2).multinomial(50, np.ones(50) / 50, 10)
    at_once = tag_scores(truth, chosen, probability, draws)
    for place, draw in enumerate(draws):
        picked = np.repeat(np.arange(50), draw)
        repeated = tag_scores(truth[picked], chosen[picked], probability[picked])
        for name, value in repeated.items():
            assert at_once[name][place] == pytest.approx(value, abs=EXACT, nan_ok=True)
