"""Calibration against hand-made bins."""

import numpy as np
import pytest

from sensorium.metrics.calibration import calibration_error, reliability

EXACT = 1e-12


def test_bins_by_hand():
    right = np.array([True, False, True, True])
    confidence = np.array([0.15, 0.2, 0.9, 1.0])
    bins = reliability(right, confidence, bins=5)
    assert bins.weight.tolist() == [2, 0, 0, 0, 2]
    assert bins.accuracy[[0, 4]].tolist() == [0.5, 1.0]
    assert bins.confidence[[0, 4]].tolist() == pytest.approx([0.175, 0.95], abs=EXACT)
    assert np.isnan(bins.accuracy[1:4]).all()
    error = calibration_error(right, confidence, bins=5)
    assert error == pytest.approx((2 * 0.325 + 2 * 0.05) / 4, abs=EXACT)


def test_a_bin_holds_its_upper_edge_and_the_first_holds_zero():
    edges = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    assert reliability(np.ones(5, bool), edges, bins=4).weight.tolist() == [2, 1, 1, 1]


def test_honest_probabilities_have_a_small_error_and_boasts_a_large_one():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1.0, 50_000)
    right = rng.random(50_000) < confidence
    assert calibration_error(right, confidence) < 0.01
    boast = np.clip(confidence + 0.2, 0, 1)
    assert calibration_error(right, boast) == pytest.approx((boast - confidence).mean(), abs=0.01)


def test_like_a_plain_loop_over_bins():
    rng = np.random.default_rng(1)
    confidence, right = rng.random(300), rng.random(300) < 0.6
    weight = rng.integers(0, 4, 300).astype(float)
    error = 0.0
    for low in range(15):
        inside = (confidence > low / 15) & (confidence <= (low + 1) / 15)
        if weight[inside].sum():
            gap = np.average(right[inside], weights=weight[inside])
            gap -= np.average(confidence[inside], weights=weight[inside])
            error += abs(gap) * weight[inside].sum() / weight.sum()
    assert calibration_error(right, confidence, weight) == pytest.approx(error, abs=EXACT)


def test_many_draws_at_once_are_the_draws_one_by_one():
    rng = np.random.default_rng(2)
    confidence, right = rng.random(80), rng.random(80) < 0.5
    draws = rng.multinomial(80, np.ones(80) / 80, 10)
    at_once = calibration_error(right, confidence, draws)
    alone = [calibration_error(right, confidence, draw) for draw in draws]
    assert at_once.tolist() == pytest.approx(alone, abs=EXACT)


def test_confidence_that_is_no_number_raises_no_warning():
    assert reliability(np.array([True, False]), np.array([np.nan, 0.5])).weight.sum() == 2
