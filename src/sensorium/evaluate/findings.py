"""Everything that is found out about one target."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from sensorium.evaluate.baseline import Baseline
from sensorium.evaluate.by_class import ClassScore, Confusion, class_scores, confusion_of
from sensorium.evaluate.calibration import Calibration, calibration_of
from sensorium.evaluate.contribution import Contribution, contributions
from sensorium.evaluate.examples import Examples
from sensorium.evaluate.fusion_help import FusionHelp, Part, fusion_help
from sensorium.evaluate.intervals import Interval
from sensorium.evaluate.outcome import Judged, Outcome
from sensorium.evaluate.referee import Referee
from sensorium.evaluate.runs import Runs
from sensorium.evaluate.subsets import Subset, SubsetScore, subset_scores
from sensorium.tasks.head import Array

POINTS = 1_000
"""The plot of predicted against true values shows so many rows at most."""


@dataclass(frozen=True, eq=False)
class Findings:
    """What was found out about one target.

    Attributes:
        target: its name.
        form: ``"classes"``, ``"tags"`` or ``"values"``.
        rows: how many rows were judged.
        left_out: how many were not, because their truth is not known.
        units: how many things were drawn for the intervals: rows, or groups of rows.
        metrics: every score with its interval.
        fusion: does fusion help?
        contributions: what each input column brings, most first; judged on ``sample`` rows.
        subsets: what each subset of the modalities scores, best first; on ``sample`` rows.
        sample: how many rows those two were judged on.
        classes: how each class or tag fares; () for numbers.
        confusion: which classes are taken for which; None for tags and numbers.
        calibration: does a stated probability mean what it says? None for numbers.
        points: true and answered values, Float[points 2]; empty for classes and tags.
        examples: the worst rows and typical ones.
    """

    target: str
    form: str
    rows: int
    left_out: int
    units: int
    metrics: Mapping[str, Interval]
    fusion: FusionHelp
    contributions: tuple[Contribution, ...]
    subsets: tuple[SubsetScore, ...]
    sample: int
    classes: tuple[ClassScore, ...]
    confusion: Confusion | None
    calibration: Calibration | None
    points: Float[np.ndarray, " points 2"]
    examples: Examples


def find(
    target: str,
    outcome: Outcome,
    runs: Runs,
    referee: Referee,
    baseline: Baseline,
    examples: Examples,
) -> Findings:
    """Find everything out about one target.

    Args:
        target: its name.
        outcome: the plain run.
        runs: the altered runs over the same rows.
        referee: judges the rows whose truth is known, in their order.
        baseline: what one would answer without looking.
        examples: the rows to show.
    """
    judged = outcome.judged(target)
    head, truth, decided = judged.head, judged.truth, judged.decided
    parts = _parts(target, outcome, judged, runs, referee)
    sample = _Sample.of(target, outcome, judged, runs, referee)
    return Findings(
        target=target,
        form=head.form,
        rows=len(judged),
        left_out=len(outcome.rows) - len(judged),
        units=referee.resamples.units,
        metrics=referee.scores(decided),
        fusion=fusion_help(referee, decided, parts, baseline),
        contributions=sample.contributions() if len(sample.kept) else (),
        subsets=sample.subsets() if len(parts) > 1 and len(sample.kept) else (),
        sample=len(sample.kept),
        classes=class_scores(head, truth, decided),
        confusion=confusion_of(head, truth, decided),
        calibration=calibration_of(head, truth, decided),
        points=_points(judged),
        examples=examples,
    )


def _parts(
    target: str, outcome: Outcome, judged: Judged, runs: Runs, referee: Referee
) -> dict[str, Part]:
    """Let each modality speak for itself, in the better of two ways.

    Its own auxiliary head, or the whole model with all else taken away: the fusion must beat
    whichever is better.
    """
    parts = {}
    for name, columns in runs.modalities.items():
        ways = [runs.alone[name][target][judged.index]] if name in runs.alone else []
        if len(columns) == 1 and columns[0] in judged.alone:
            ways.append(judged.alone[columns[0]])
        best = max(ways, key=lambda way: referee.sign * referee.value(way), default=judged.decided)
        present = np.logical_or.reduce([outcome.present[c][judged.index] for c in columns])
        parts[name] = Part(best, present)
    return parts


@dataclass(frozen=True, eq=False)
class _Sample:
    """The rows of the sample whose truth is known: their places among the sample's rows."""

    target: str
    runs: Runs
    kept: Array
    referee: Referee
    decided: Array

    @classmethod
    def of(
        cls, target: str, outcome: Outcome, judged: Judged, runs: Runs, referee: Referee
    ) -> "_Sample":
        place = np.full(len(outcome.rows), -1)
        place[judged.index] = np.arange(len(judged))
        order = np.argsort(place[runs.places], kind="stable")
        kept = order[place[runs.places[order]] >= 0]
        rows = place[runs.places[kept]]
        groups = referee.resamples.groups
        some = replace(
            referee.resamples,
            rows=len(rows),
            groups=None if groups is None else groups[rows],
        )
        narrowed = Referee(referee.head, judged.truth[rows], some)
        return cls(target, runs, kept, narrowed, judged.decided[rows])

    def contributions(self) -> tuple[Contribution, ...]:
        shuffled: dict[str, list[Array]] = {}
        for (column, _), answers in self.runs.shuffled.items():
            shuffled.setdefault(column, []).append(answers[self.target][self.kept])
        return contributions(self.referee, self.decided, shuffled)

    def subsets(self) -> tuple[SubsetScore, ...]:
        rows = self.runs.places[self.kept]
        alone: dict[Subset, Array] = {
            (n,): answers[self.target][rows] for n, answers in self.runs.alone.items()
        }
        some = {names: a[self.target][self.kept] for names, a in self.runs.subsets.items()}
        return subset_scores(
            self.referee, {**alone, **some, tuple(self.runs.modalities): self.decided}
        )


def _points(judged: Judged) -> Float[np.ndarray, " points 2"]:
    if judged.head.form != "values":
        return np.empty((0, 2))
    chosen = np.linspace(0, len(judged) - 1, min(POINTS, len(judged))).astype(int)
    return np.stack([judged.truth[chosen], judged.decided[chosen]], 1).astype(np.float64)
