"""The referee: everybody is judged on the same rows and the same draws."""

from importlib import import_module

import numpy as np
import pytest
from small_models import chances

from sensorium.evaluate.intervals import Interval, Resamples
from sensorium.evaluate.referee import Referee
from sensorium.tasks.class_head import ClassHead
from sensorium.tasks.value_head import ValueHead


class Plain:
    """A scale that changes nothing."""

    def inverse(self, values: np.ndarray) -> np.ndarray:
        return values


TRUTH = np.array([0, 1, 2] * 40)


def referee() -> Referee:
    return Referee(ClassHead(4, 1, ("a", "b", "c")), TRUTH, Resamples(len(TRUTH), 400))


def scored(judge: Referee, decided: np.ndarray) -> Interval:
    return judge.score(judge.mark(decided))


def gained(judge: Referee, decided: np.ndarray, other: np.ndarray) -> Interval:
    return judge.gain(judge.mark(decided), judge.mark(other))


def wrong_in(*places: int) -> np.ndarray:
    chosen = TRUTH.copy()
    chosen[list(places)] = (chosen[list(places)] + 1) % 3
    return chances(chosen.tolist(), 3)


def test_every_score_of_the_head_gets_its_interval() -> None:
    head = referee().head
    decided = wrong_in(*range(12))
    found = referee().scores(decided)
    values = head.metrics(TRUTH, decided)
    assert set(found) == set(values)
    for name, interval in found.items():
        assert interval.value == pytest.approx(float(values[name]))
        assert interval.low <= interval.value <= interval.high, name
    assert found["accuracy"].value == pytest.approx(0.9)
    assert found["accuracy"] == scored(referee(), decided)


def test_the_interval_of_accuracy_is_what_the_normal_law_says() -> None:
    found = scored(referee(), wrong_in(*range(12)))
    error = 1.96 * np.sqrt(0.9 * 0.1 / 120)
    assert found.high - found.low == pytest.approx(2 * error, rel=0.15)


def test_a_gain_is_paired() -> None:
    """Two answers that differ in three rows are told apart far better than by themselves."""
    worse, better = wrong_in(*range(40)), wrong_in(*range(37))
    gain = gained(referee(), better, worse)
    assert gain.value == pytest.approx(3 / 120)
    apart = scored(referee(), better)
    assert gain.high - gain.low < 0.6 * (apart.high - apart.low)
    back = gained(referee(), worse, better)
    assert (back.value, back.low, back.high) == pytest.approx((-gain.value, -gain.high, -gain.low))


def test_equal_answers_gain_nothing_but_what_so_few_rows_cannot_rule_out() -> None:
    gain = gained(referee(), wrong_in(1), wrong_in(1))
    assert gain.value == 0
    assert gain.high == -gain.low == pytest.approx(1 - 0.025 ** (1 / 120))


def test_of_errors_less_is_better() -> None:
    truth = np.linspace(0.0, 5.0, 60)
    judge = Referee(ValueHead(4, 1, Plain()), truth, Resamples(60, 200))
    near, far = truth + 0.1, truth - 1.0
    gain = gained(judge, near, far)
    assert gain.value == pytest.approx(0.9)
    assert gain.low > 0
    assert gained(judge, far, near).high < 0
    assert scored(judge, near).value == pytest.approx(0.1)


def test_an_error_of_nothing_is_no_share_and_gets_no_binomial_bound() -> None:
    truth = np.linspace(0.0, 5.0, 60)
    found = Referee(ValueHead(4, 1, Plain()), truth, Resamples(60, 200)).scores(truth.copy())
    assert (found["rmse"].low, found["rmse"].high) == (0.0, 0.0)


def test_slow_scores_of_many_rows_are_drawn_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("sensorium.evaluate.referee"), "COST", 120 * 3 * 250)
    drawn: list[int] = []
    kept = Resamples.scores

    def counted(self: Resamples, score: object, draws: int | None = None) -> object:
        drawn.append(draws or self.draws)
        return kept(self, score, draws)  # type: ignore[arg-type]

    monkeypatch.setattr(Resamples, "scores", counted)
    found = referee().scores(wrong_in(1))
    assert drawn == [250, 400]
    assert found["accuracy"] == scored(referee(), wrong_in(1))
