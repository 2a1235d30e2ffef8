"""Bootstrap intervals against counting by hand, closed forms and their own promise."""

import math

import numpy as np
import pytest

from sensorium.evaluate.intervals import (
    CELLS,
    Interval,
    Resamples,
    most_unseen,
    number,
    percentile,
    share,
    share_gain,
)
from sensorium.metrics.tally import mean


def weights(resamples: Resamples) -> np.ndarray:
    return np.concatenate(list(resamples.weights()))


def test_each_draw_draws_as_many_rows_as_there_are() -> None:
    drawn = weights(Resamples(rows=7, draws=50))
    assert drawn.shape == (50, 7)
    assert (drawn.sum(1) == 7).all()
    assert drawn.max() > 1
    assert (drawn == drawn.round()).all()


def test_two_rows_are_drawn_as_two_coins_fall() -> None:
    """Of two rows the first is drawn 0, 1 or 2 times, with chances 1/4, 1/2 and 1/4."""
    first = weights(Resamples(rows=2, draws=20_000))[:, 0]
    shares = [(first == times).mean() for times in (0, 1, 2)]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.015)


def test_the_same_seed_gives_the_same_draws_each_time_and_another_does_not() -> None:
    first = Resamples(rows=9, draws=20, seed=3)
    assert (weights(first) == weights(first)).all()
    assert not (weights(first) == weights(Resamples(rows=9, draws=20, seed=4))).all()


def test_rows_of_one_group_are_drawn_together() -> None:
    groups = np.array(["a", "b", "a", "c", "b", "b"])
    resamples = Resamples(rows=6, draws=200, groups=groups)
    drawn = weights(resamples)
    assert resamples.units == 3
    for name in "abc":
        members = drawn[:, groups == name]
        assert (members == members[:, :1]).all()
    assert (drawn[:, [0, 1, 3]].sum(1) == 3).all()


def test_many_rows_come_in_several_chunks_that_hold_no_more_than_allowed() -> None:
    rows = CELLS // 3
    chunks = [chunk.shape for chunk in Resamples(rows=rows, draws=4).weights()]
    assert chunks == [(3, rows), (1, rows)]


def test_scores_are_computed_on_each_draw() -> None:
    values = np.array([1.0, 5.0, 9.0])
    resamples = Resamples(rows=3, draws=30)
    found = resamples.scores(lambda w: {"mean": mean(values, w)})["mean"]
    by_hand = [(w * values).sum() / 3 for w in weights(resamples)]
    assert found == pytest.approx(by_hand)
    assert len(resamples.scores(lambda w: {"mean": mean(values, w)}, draws=10)["mean"]) == 10


def test_percentiles_of_known_draws() -> None:
    drawn = np.arange(1001.0)
    found = percentile(500.0, drawn)
    assert (found.low, found.high) == pytest.approx((25.0, 975.0))
    narrow = percentile(500.0, drawn, level=0.8)
    assert (narrow.low, narrow.high) == pytest.approx((100.0, 900.0))


def test_undefined_draws_are_left_out_until_too_few_are_left() -> None:
    drawn = np.array([np.nan] * 40 + list(range(61)))
    found = percentile(30.0, drawn, level=0.8)
    assert (found.low, found.high) == pytest.approx((6.0, 54.0))
    lost = percentile(1.0, np.array([np.nan] * 60 + [1.0] * 40))
    assert math.isnan(lost.low)
    assert math.isnan(lost.high)
    assert str(lost) == "1.000 (too few rows to tell)"


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    random = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        right = (random.random(80) < 0.7).astype(float)
        drawn = Resamples(80, 300, trial).scores(lambda w, right=right: {"": mean(right, w)})[""]
        found = percentile(right.mean(), drawn)
        hits += found.low <= 0.7 <= found.high
    assert 0.9 <= hits / 200 <= 0.985


def test_intervals_of_grouped_rows_are_wider_where_groups_agree() -> None:
    """Ten copies of each row tell no more than one: only drawing the groups knows."""
    right = np.repeat(np.random.default_rng(1).random(30) < 0.6, 10).astype(float)
    groups = np.repeat(np.arange(30), 10)
    widths = []
    for labels in (None, groups):
        drawn = Resamples(300, 500, 0, labels).scores(lambda w: {"": mean(right, w)})[""]
        found = percentile(right.mean(), drawn)
        widths.append(found.high - found.low)
    assert widths[1] == pytest.approx(widths[0] * math.sqrt(10), rel=0.2)


def test_all_right_answers_get_the_exact_binomial_bound() -> None:
    """Clopper and Pearson's bound for 50 of 50 is 0.025 ** (1 / 50) = 0.9289."""
    certain = np.ones(500)
    found = share(1.0, certain, units=50)
    assert (found.low, found.high) == (pytest.approx(0.9289, abs=1e-4), 1.0)
    none = share(0.0, np.zeros(500), units=50)
    assert (none.low, none.high) == (0.0, pytest.approx(0.0711, abs=1e-4))
    assert share(0.5, np.full(500, 0.5), units=50) == Interval(0.5, 0.5, 0.5)


def test_answers_that_never_differ_may_still_differ_on_rows_not_seen() -> None:
    same = share_gain(0.0, np.zeros(500), units=30)
    assert same.high == -same.low == most_unseen(30) == pytest.approx(0.1157, abs=1e-4)
    assert share_gain(0.1, np.full(500, 0.1), units=30) == Interval(0.1, 0.1, 0.1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.98765, "0.988"), (0.0, "0.000"), (-0.5, "-0.500"), (12.3456, "12.3"),
        (123_456.7, "123,457"), (0.0000061, "6e-06"), (float("nan"), "unknown"),
    ],
)  # fmt: skip
def test_numbers_are_written_shortly(value: float, text: str) -> None:
    assert number(value) == text


def test_an_interval_reads_as_people_write_it() -> None:
    assert str(Interval(0.873, 0.851, 0.894)) == "0.873 (0.851 to 0.894)"
