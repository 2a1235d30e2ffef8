"""Which epoch is kept, and how sure a score is."""

import numpy as np
import pytest

from sensorium.metrics.classification import label_scores
from sensorium.tasks.class_head import ClassHead
from sensorium.train.doubt import MANY, is_best, standard_error


def record(score: float, error: float) -> dict[str, object]:
    return {"score": score, "error": error, "standard_error": 0.05}


def kept(*history: dict[str, object]) -> int:
    best = -1
    for epoch in range(len(history)):
        if is_best(history[: epoch + 1], best):
            best = epoch
    return best


def test_of_scores_that_may_be_equal_the_least_error_wins() -> None:
    rising = [record(0.70, 0.1), record(0.88, 0.5), record(0.90, 0.7), record(0.90, 0.6)]
    assert kept(*rising) == 1
    assert kept(*({**r, "standard_error": 0.0} for r in rising)) == 3
    assert kept(rising[0]) == 0


def test_weights_that_fell_behind_are_given_up_for_those_at_hand() -> None:
    assert kept(record(0.85, 0.2), record(0.88, 0.4), record(0.91, 0.6)) == 2
    assert kept(record(0.85, 0.2), record(0.88, 0.4), record(0.70, 0.1)) == 0


def test_the_doubt_of_an_accuracy_is_that_of_a_share() -> None:
    head = ClassHead(4, 1, ("a", "b"))
    truth = np.zeros(400, np.int64)
    decided = np.where(np.arange(400)[:, None] < 320, [[0.9, 0.1]], [[0.1, 0.9]])
    assert label_scores(truth, decided.argmax(1), 2)["accuracy"] == pytest.approx(0.8)
    found = standard_error(head, truth, decided, seed=0)
    assert found == pytest.approx((0.8 * 0.2 / 400) ** 0.5, rel=0.3)
    assert found == standard_error(head, truth, decided, seed=0)
    many = np.zeros(MANY + 1, np.int64)
    assert standard_error(head, many, np.ones((MANY + 1, 2)), seed=0) == 0
