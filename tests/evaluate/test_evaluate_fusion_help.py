"""Does fusion help? Yes where it does, no where it does not, and "cannot tell" in between."""

import numpy as np
import pytest
from small_models import chances

from sensorium.evaluate.baseline import Baseline
from sensorium.evaluate.fusion_help import FusionHelp, Part, fusion_help, judge_gain, late_average
from sensorium.evaluate.intervals import Interval, Resamples
from sensorium.evaluate.referee import Referee
from sensorium.tasks.class_head import ClassHead


def answers(rows: int, right: float, seed: int) -> np.ndarray:
    """Answer two classes, the share ``right`` of them rightly; the truth is always class 0."""
    wrong = np.random.default_rng(seed).permutation(rows) >= round(right * rows)
    return chances(wrong.astype(int).tolist(), 2)


def asked(
    rows: int, fusion: float, *alone: float, pairs: dict[str, float] | None = None
) -> FusionHelp:
    truth = np.zeros(rows, dtype=np.int64)
    referee = Referee(ClassHead(4, 1, ("a", "b")), truth, Resamples(rows, 500))
    everywhere = np.ones(rows, dtype=bool)
    parts = {
        name: Part(answers(rows, right, seed), everywhere)
        for seed, (name, right) in enumerate(zip(("photo", "words", "clip"), alone, strict=False))
    }
    tried = {name: answers(rows, right, 20) for name, right in (pairs or {}).items()}
    baseline = Baseline("always b", np.array([0.4, 0.6]))
    return fusion_help(referee, answers(rows, fusion, 9), parts, baseline, tried)


def test_it_says_yes_by_how_much() -> None:
    found = asked(800, 0.9, 0.6, 0.7)
    assert found.verdict == "yes"
    assert found.best == "words"
    assert found.gain is not None
    assert found.gain.value == pytest.approx(0.2)
    assert found.gain.low > 0.1
    assert found.sentence.startswith(
        "Yes: fusing photo and words gives accuracy 0.900 against 0.700 of words alone, "
        "better by 0.200 (95\u00a0% interval 0.1"
    )


def test_it_says_no_when_the_fusion_is_worse() -> None:
    found = asked(800, 0.7, 0.6, 0.9)
    assert found.verdict == "no"
    assert found.sentence.startswith("No: ")
    assert "worse by 0.200" in found.sentence


def test_it_says_no_when_nothing_worth_having_can_be_gained() -> None:
    found = asked(12_000, 0.9, 0.6, 0.9005)
    assert found.verdict == "no"
    assert found.gain is not None
    assert 0 < found.gain.high < 0.01
    assert "at most" in found.sentence


def test_it_cannot_tell_from_few_rows() -> None:
    found = asked(40, 0.8, 0.6, 0.75)
    assert found.verdict == "unclear"
    assert found.sentence.startswith("Cannot tell with 40 rows: ")


def test_thirty_rows_without_a_mistake_do_not_prove_that_fusion_is_useless() -> None:
    assert asked(30, 1.0, 1.0, 0.5).verdict == "unclear"


def test_with_one_input_there_is_nothing_to_fuse() -> None:
    found = asked(200, 0.9, 0.9)
    assert found.verdict == "single"
    assert found.sentence.startswith("Nothing to fuse: there is one input, photo; the model's ")
    assert [s.role for s in found.standings] == ["baseline", "fusion"]


def test_it_warns_when_the_baseline_is_not_beaten() -> None:
    found = asked(200, 0.02, 0.01, 0.0)
    assert "not shown to beat the baseline" in found.sentence
    assert "baseline" not in asked(200, 0.9, 0.8, 0.7).sentence


def test_it_says_so_when_a_pair_or_the_late_average_beats_the_fusion() -> None:
    found = asked(600, 0.8, 0.6, 0.7, 0.5, pairs={"photo and words": 0.95})
    assert found.verdict == "yes"
    assert "Better than this fusion: photo and words." in found.sentence
    assert found.over_pairs["photo and words"].value == pytest.approx(-0.15)
    assert [s.role for s in found.standings] == [
        "baseline", "part", "part", "part", "pair", "late", "fusion",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "rival", "lower", "said"),
    [
        (0.001, 0.2, 0.5, False, "yes"),
        (-0.2, -0.001, 0.5, False, "no"),
        (-0.2, 0.009, 0.5, False, "no"),
        (-0.2, 0.011, 0.5, False, "unclear"),
        (-9.0, 90.0, 10_000.0, True, "no"),  # less than a hundredth of the error
        (-9.0, 110.0, 10_000.0, True, "unclear"),
    ],
)
def test_the_verdict_follows_from_the_interval(
    low: float, high: float, rival: float, lower: bool, said: str
) -> None:
    assert judge_gain(Interval(0.0, low, high), rival, lower_is_better=lower) == said


def test_the_late_average_counts_only_the_parts_that_a_row_has() -> None:
    first = Part(np.array([[0.8, 0.2], [0.6, 0.4], [1.0, 0.0]]), np.array([True, True, False]))
    second = Part(np.array([[0.4, 0.6], [0.0, 1.0], [0.5, 0.5]]), np.array([True, False, False]))
    found = late_average({"first": first, "second": second})
    assert found == pytest.approx(np.array([[0.6, 0.4], [0.6, 0.4], [0.75, 0.25]]))


def test_the_late_average_of_numbers() -> None:
    first = Part(np.array([1.0, 2.0]), np.array([True, True]))
    second = Part(np.array([3.0, 9.0]), np.array([True, False]))
    assert late_average({"first": first, "second": second}).tolist() == [2.0, 2.0]
