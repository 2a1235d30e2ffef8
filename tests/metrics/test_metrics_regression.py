"""Errors of numbers against hand numbers and scikit-learn."""

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from sensorium.metrics.regression import mae, mse, r2, rmse, value_scores

EXACT = 1e-12


def test_by_hand():
    truth, decided = np.array([1.0, 2.0, 6.0]), np.array([1.0, 4.0, 5.0])
    assert mae(truth, decided) == 1.0
    assert mse(truth, decided) == pytest.approx(5 / 3, abs=EXACT)
    assert rmse(truth, decided) == pytest.approx(math.sqrt(5 / 3), abs=EXACT)
    assert r2(truth, decided) == pytest.approx(1 - 5 / 14, abs=EXACT)


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("use_weight", [False, True])
def test_like_scikit_learn(offset, use_weight):
    rng = np.random.default_rng(0)
    truth = rng.normal(size=200) + offset
    decided = truth + rng.normal(size=200) / 2
    w = rng.integers(0, 4, 200).astype(float) if use_weight else None
    theirs = {
        "mae": sk.mean_absolute_error(truth, decided, sample_weight=w),
        "mse": sk.mean_squared_error(truth, decided, sample_weight=w),
        "rmse": sk.root_mean_squared_error(truth, decided, sample_weight=w),
        "r2": sk.r2_score(truth, decided, sample_weight=w),
    }
    assert value_scores(truth, decided, w) == pytest.approx(theirs, abs=EXACT)


def test_r2_of_a_truth_that_does_not_vary_is_unknown():
    assert math.isnan(r2(np.full(3, 7.0), np.array([7.0, 7.0, 8.0])))
    assert math.isnan(r2(np.array([5.0]), np.array([5.0])))
    assert math.isnan(r2(np.zeros(0), np.zeros(0)))
    truth = np.array([0.1, 0.1, 0.7])
    assert math.isnan(r2(truth, truth + 1, np.array([3.0, 2.0, 0.0])))


def test_many_draws_at_once_are_the_draws_one_by_one():
    rng = np.random.default_rng(1)
    truth, decided = rng.normal(size=60), rng.normal(size=60)
    draws = rng.multinomial(60, np.ones(60) / 60, 12)
    draws[5] = 0
    draws[5, 7] = 60  # one row again and again
    at_once = value_scores(truth, decided, draws)
    assert math.isnan(at_once["r2"][5])
    for place, draw in enumerate(draws):
        picked = np.repeat(np.arange(60), draw)
        for name, value in value_scores(truth[picked], decided[picked]).items():
            assert at_once[name][place] == pytest.approx(value, rel=1e-10, nan_ok=True)
