"""scikit-learn's own checks of an estimator, all of them, on numeric tables."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sensorium.sklearn import SensoriumClassifier, SensoriumRegressor
from sensorium.train import Plan

EXPECTED_FAILURES: dict[str, str] = {}
"""Checks that fail and why. There are none."""

SMALL = {"width": 16, "plan": Plan(epochs=20, rows_per_step=128, rate=0.03, precision="fp32")}
"""The checks make some hundred fits; the parts are the same, only smaller."""


def _failures(_: Any) -> dict[str, str]:
    return EXPECTED_FAILURES


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [SensoriumClassifier(**SMALL), SensoriumRegressor(**SMALL)],
    expected_failed_checks=_failures,
)
def test_it_passes_the_checks_of_scikit_learn(
    estimator: Any, check: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They hold for the class as users have it.

    One of them gives nonsense to ``__init__`` and wants no complaint before ``fit``; the types
    that are checked on every call, in tests only, would complain.
    """
    kind = type(estimator)
    monkeypatch.setattr(kind, "__init__", inspect.unwrap(kind.__init__))
    check(estimator)
