"""Does fusion help? The baseline, each part alone, their late average, the fusion; one verdict.

The fusion must beat the best part alone on the same rows, by a paired interval that leaves 0 out.
The best part is picked on these very rows, which flatters it a little: the verdict leans against
fusion, never for it. The parts were trained together, within one model; ``compare`` trains each
by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from sensorium.core.counted import counted
from sensorium.evaluate.baseline import Baseline
from sensorium.evaluate.intervals import Interval, number
from sensorium.evaluate.referee import Referee
from sensorium.evaluate.words import listed, title
from sensorium.tasks.head import OBJECTS, Array

Role = Literal["baseline", "part", "pair", "late", "fusion"]
Verdict = Literal["yes", "no", "unclear", "single"]

FEWEST = 5
"""From fewer rows, or groups of rows, nothing can be told."""

LATE = "the late average of the parts"

MARGIN = 0.01
"""A gain below this (one point; of an error, one hundredth of it) is not worth the parts."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one way to answer did.

    Attributes:
        name: the part, or what was done.
        role: what kind of way it is.
        score: the primary score.
    """

    name: str
    role: Role
    score: Interval


@dataclass(frozen=True, slots=True)
class FusionHelp:
    """The answer to "does fusion help?".

    Attributes:
        score: the name of the score by which the ways are compared.
        lower_is_better: whether less of it is better.
        standings: the ways to answer: baseline, parts, pairs, late average, fusion.
        verdict: ``"yes"``, ``"no"``, ``"unclear"`` (too few rows), ``"single"`` (nothing to fuse).
        sentence: the verdict in words.
        best: the best part alone; "" where there is only one.
        rival: the score of that part.
        gain: by how much the fusion beats it, paired; above 0 is better, whatever the score.
        over_baseline: by how much the fusion beats the baseline, paired.
        over_late: by how much it beats the late average of the parts, paired; None where
            there is none: of texts, and of one part.
        over_pairs: by how much it beats each pair that was tried, paired, by the pair's name.
    """

    score: str
    lower_is_better: bool
    standings: tuple[Standing, ...]
    verdict: Verdict
    sentence: str
    over_baseline: Interval
    best: str = ""
    rival: Interval | None = None
    gain: Interval | None = None
    over_late: Interval | None = None
    over_pairs: Mapping[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Part:
    """What one modality says alone.

    Attributes:
        decided: its answers, as ``head.decide`` gives them.
        present: the rows that have it, Bool[rows].
    """

    decided: Array
    present: Array


def fusion_help(
    referee: Referee,
    fusion: Array,
    parts: Mapping[str, Part],
    baseline: Baseline,
    pairs: Mapping[str, Array] | None = None,
    fused: Sequence[str] = (),
) -> FusionHelp:
    """Find out whether fusing helps.

    Args:
        referee: judges all of them on the same rows.
        fusion: what the whole model answered.
        parts: what each modality answered alone.
        baseline: what one would answer without looking.
        pairs: what models of two modalities answered, by the pair's name.
        fused: the modalities that were fused; () where they are all among the parts.
    """
    names = tuple(fused or parts)
    score, gain = referee.score, referee.gain
    plain, whole = referee.mark(baseline.decided(len(fusion))), referee.mark(fusion)
    first = Standing(f"baseline: {baseline.title}", "baseline", score(plain))
    over_baseline = gain(whole, plain)
    if len(names) < 2:
        return FusionHelp(
            score=referee.primary,
            lower_is_better=referee.sign < 0,
            standings=(first, Standing("model", "fusion", score(whole))),
            verdict="single",
            sentence=_single(referee, score(whole), parts, over_baseline),
            over_baseline=over_baseline,
        )
    alone = {name: referee.mark(part.decided) for name, part in parts.items()}
    two = {name: referee.mark(decided) for name, decided in (pairs or {}).items()}
    averaged = referee.head.form not in OBJECTS and len(parts) > 1
    late = referee.mark(late_average(parts)) if averaged else None
    best = max(alone, key=lambda name: referee.sign * alone[name].value)
    duel = _Duel(names, best, score(alone[best]), score(whole), gain(whole, alone[best]))
    over_pairs = {name: gain(whole, mark) for name, mark in two.items()}
    over_late = None if late is None else gain(whole, late)
    verdict: Verdict = "unclear"
    rivals: dict[str, Interval] = {}
    if referee.resamples.units >= FEWEST:
        verdict = judge_gain(duel.gain, duel.rival.value, lower_is_better=referee.sign < 0)
        rivals = {**over_pairs, **({LATE: over_late} if over_late else {})}
    return FusionHelp(
        score=referee.primary,
        lower_is_better=referee.sign < 0,
        standings=(
            first,
            *(Standing(f"{name} alone", "part", score(mark)) for name, mark in alone.items()),
            *(Standing(name, "pair", score(mark)) for name, mark in two.items()),
            *([] if late is None else [Standing(LATE.removeprefix("the "), "late", score(late))]),
            Standing("fusion", "fusion", score(whole)),
        ),
        verdict=verdict,
        sentence=duel.sentence(verdict, title(referee.primary), len(referee.truth))
        + _better_still(rivals)
        + _warning(over_baseline),
        over_baseline=over_baseline,
        best=best,
        rival=duel.rival,
        gain=duel.gain,
        over_late=over_late,
        over_pairs=over_pairs,
    )


@dataclass(frozen=True, slots=True)
class _Duel:
    """The fusion of some parts against the best of them."""

    names: tuple[str, ...]
    best: str
    rival: Interval
    whole: Interval
    gain: Interval

    def sentence(self, verdict: Verdict, score: str, rows: int) -> str:
        gain = self.gain
        fused = f"fusing {listed(self.names)} gives {score} {number(self.whole.value)}"
        told = f"{fused} against {number(self.rival.value)} of {self.best} alone"
        ends = f"(95\u00a0% interval {gain.ends})"
        if verdict == "yes":
            return f"Yes: {told}, better by {number(gain.value)} {ends}."
        if verdict == "unclear":
            rows_ = counted(rows, "row")
            return f"Cannot tell with {rows_}: {told}; a gain of {number(gain.value)} {ends}."
        if gain.high < 0:
            return f"No: {told}, worse by {number(-gain.value)} {ends}."
        return f"No: {told}; the gain is {number(gain.high)} at most {ends}."


def late_average(parts: Mapping[str, Part]) -> Array:
    """Average what the parts say alone, over the parts that a row has (all, where it has none)."""
    present = np.stack([part.present for part in parts.values()]).astype(np.float64)
    present[:, present.sum(0) == 0] = 1.0
    decided = np.stack([part.decided for part in parts.values()])
    weight = present.reshape(*present.shape, *[1] * (decided.ndim - 2))
    average: Array = (decided * weight).sum(0) / weight.sum(0)
    return average


def judge_gain(
    gain: Interval, rival: float, *, lower_is_better: bool = False
) -> Literal["yes", "no", "unclear"]:
    """Tell from a paired gain whether it is one.

    Args:
        gain: of the fusion over its best rival; above 0 is better.
        rival: the rival's score, against which the gain of an error is measured.
        lower_is_better: whether the score is an error.
    """
    margin = MARGIN * abs(rival) if lower_is_better else MARGIN
    if gain.low > 0:
        return "yes"
    if gain.high < 0 or gain.high < margin:
        return "no"
    return "unclear"


def _single(
    referee: Referee, whole: Interval, parts: Mapping[str, Part], over_baseline: Interval
) -> str:
    name = next(iter(parts), "")
    what = f"there is one input, {name}" if name else "there is one input"
    score = f"the model's {title(referee.primary)} is {whole}"
    return f"Nothing to fuse: {what}; {score}.{_warning(over_baseline)}"


def _better_still(gains: Mapping[str, Interval]) -> str:
    better = [name for name, gain in gains.items() if gain.high < 0]
    if not better:
        return ""
    return f" Better than this fusion: {listed(better)}."


def _warning(over_baseline: Interval) -> str:
    if over_baseline.low > 0:
        return ""
    return " But the model is not shown to beat the baseline, which looks at no input at all."
