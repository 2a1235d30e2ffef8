"""scikit-learn's own checks of an estimator, all of them, on numeric tables."""

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sensorium.sklearn import SensoriumClassifier, SensoriumRegressor

EXPECTED_FAILURES: dict[str, str] = {}
"""Checks that fail and why. There are none."""

SMALL = {"width": 16, "epochs": 10, "rate": 0.02}
"""The checks make some hundred fits; the parts are the same, only smaller."""


def _failures(_: Any) -> dict[str, str]:
    return EXPECTED_FAILURES


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [SensoriumClassifier(**SMALL), SensoriumRegressor(**SMALL)],
    expected_failed_checks=_failures,
)
def test_it_passes_the_checks_of_scikit_learn(estimator: Any, check: Callable[..., Any]) -> None:
    check(estimator)
