"""Scores of labels against hand-counted tables and scikit-learn."""

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from sensorium.metrics.classification import (
    accuracy,
    balanced_accuracy,
    confusion,
    count,
    f1,
    label_scores,
    log_loss,
    log_losses,
    macro,
    precision,
    recall,
    weighted,
)

EXACT = 1e-12


def drawn(classes: int, rows: int = 400, seed: int = 0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, rows)
    chosen = np.where(rng.random(rows) < 0.6, truth, rng.integers(0, classes, rows))
    return truth, chosen, rng.integers(0, 4, rows).astype(float)


def test_by_hand():
    truth = np.array([0, 0, 0, 1, 1, 2])
    chosen = np.array([0, 0, 1, 1, 0, 1])
    counts = count(truth, chosen, 3)
    assert counts.right.tolist() == [2, 1, 0, 0]
    assert counts.true.tolist() == [3, 2, 1, 0]
    assert counts.chosen.tolist() == [3, 3, 0, 0]
    assert accuracy(truth, chosen) == 3 / 6
    assert balanced_accuracy(counts) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3, abs=EXACT)
    assert precision(counts)[:3].tolist() == [2 / 3, 1 / 3, 0]
    assert recall(counts)[:3].tolist() == [2 / 3, 1 / 2, 0]
    assert f1(counts)[:3].tolist() == pytest.approx([2 / 3, 2 / 5, 0], abs=EXACT)
    assert macro(f1(counts), counts) == pytest.approx((2 / 3 + 2 / 5) / 3, abs=EXACT)
    assert weighted(f1(counts), counts) == pytest.approx((3 * 2 / 3 + 2 * 2 / 5) / 6, abs=EXACT)


def test_confusion_by_hand():
    table = confusion(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]), 2)
    assert table.tolist() == [[1, 1], [0, 1], [1, 0]]  # the last row: never seen in training


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("use_weight", [False, True])
def test_like_scikit_learn(classes, use_weight):
    truth, chosen, weight = drawn(classes)
    w = weight if use_weight else None
    ours = label_scores(truth, chosen, classes, w)
    theirs = {
        "accuracy": sk.accuracy_score(truth, chosen, sample_weight=w),
        "balanced_accuracy": sk.balanced_accuracy_score(truth, chosen, sample_weight=w),
    }
    for average in ("macro", "weighted"):
        for name, score in (
            ("precision", sk.precision_score),
            ("recall", sk.recall_score),
            ("f1", sk.f1_score),
        ):
            theirs[f"{name}_{average}"] = score(
                truth, chosen, average=average, sample_weight=w, zero_division=0
            )
    assert ours == pytest.approx(theirs, abs=EXACT)
    table = sk.confusion_matrix(truth, chosen, sample_weight=w)
    assert np.abs(confusion(truth, chosen, classes, w)[:-1] - table).max() <= EXACT


def test_classes_that_are_never_true_or_never_answered_are_as_in_scikit_learn():
    truth = np.array([0, 0, 1, 1, 1, 4])
    chosen = np.array([0, 2, 1, 1, 0, 0])
    ours = label_scores(truth, chosen, 6)
    f1_macro = sk.f1_score(truth, chosen, average="macro", zero_division=0)
    assert ours["f1_macro"] == pytest.approx(f1_macro, abs=EXACT)
    assert ours["balanced_accuracy"] == pytest.approx((1 / 2 + 2 / 3 + 0) / 3, abs=EXACT)


def test_a_class_never_seen_in_training_counts_as_wrong():
    seen = np.array([0, 1, 1])
    truth, chosen = np.append(seen, 2), np.array([0, 1, 1, 0])
    assert accuracy(truth, chosen) == 3 / 4
    ours = label_scores(truth, chosen, 2)
    assert ours["f1_macro"] == pytest.approx((2 / 3 + 1 + 0) / 3, abs=EXACT)
    assert ours["balanced_accuracy"] == pytest.approx(2 / 3, abs=EXACT)
    probability = np.array([[1.0, 0.0]] * 4)
    assert log_losses(truth, probability)[3] == pytest.approx(-math.log(2**-52), abs=EXACT)


@pytest.mark.parametrize("use_weight", [False, True])
def test_log_loss_like_scikit_learn(use_weight):
    truth, _, weight = drawn(4)
    rng = np.random.default_rng(1)
    probability = rng.dirichlet(np.ones(4) / 3, len(truth))
    probability[0] = np.eye(4)[(truth[0] + 1) % 4]  # sure and wrong
    w = weight if use_weight else None
    theirs = sk.log_loss(truth, probability, sample_weight=w, labels=range(4))
    assert log_loss(truth, probability, w) == pytest.approx(theirs, rel=EXACT)


def test_log_loss_by_hand():
    probability = np.array([[0.25, 0.75], [0.5, 0.5]])
    loss = log_loss(np.array([1, 0]), probability)
    assert loss == pytest.approx(-(math.log(0.75) + math.log(0.5)) / 2, abs=EXACT)


def test_many_draws_at_once_are_the_draws_one_by_one():
    truth, chosen, _ = drawn(5)
    draws = np.random.default_rng(2).multinomial(len(truth), np.ones(len(truth)) / len(truth), 20)
    draws[3, truth == 2] = 0  # a draw that misses a class
    at_once = label_scores(truth, chosen, 5, draws)
    for place, draw in enumerate(draws):
        alone = label_scores(truth, chosen, 5, draw)
        picked = np.repeat(np.arange(len(truth)), draw)
        repeated = label_scores(truth[picked], chosen[picked], 5)
        for name, values in at_once.items():
            assert values.shape == (20,)
            assert values[place] == pytest.approx(alone[name], abs=EXACT)
            assert values[place] == pytest.approx(repeated[name], abs=EXACT)


def test_one_class_only():
    truth = np.zeros(5, dtype=np.int64)
    ours = label_scores(truth, truth, 2)
    assert set(ours.values()) == {1.0}


def test_no_rows_score_nan_and_do_not_fail():
    nothing = np.zeros(0, dtype=np.int64)
    assert all(math.isnan(value) for value in label_scores(nothing, nothing, 3).values())


def test_scores_are_numbers_that_json_can_write():
    truth, chosen, _ = drawn(3)
    assert all(isinstance(v, float) for v in label_scores(truth, chosen, 3).values())
