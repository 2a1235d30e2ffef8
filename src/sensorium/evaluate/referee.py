"""One referee a target: judges every predictor on the same rows and the same draws of them.

So the model, its parts, the baseline and any altered run are comparable, and differences between
them are paired. Knows truth and scores; not where an answer came from.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sensorium.evaluate.intervals import Interval, Resamples, percentile, share, share_gain
from sensorium.tasks.head import Array, Head

COST = 30_000_000
"""The most draws times rows times classes that all scores of one predictor may take (about 3 s)."""

ERRORS = frozenset({"log_loss", "mae", "mse", "rmse", "calibration_error", "wer", "cer"})
"""Scores of which less is better."""

BOUNDLESS = ERRORS | {"r2", "cider_d"}
"""Scores that are no shares of anything."""


@dataclass(frozen=True, eq=False)
class Mark:
    """What answers are worth by the primary score: on the rows themselves, and on each draw."""

    value: float
    drawn: Float[np.ndarray, " draws"]


@dataclass(frozen=True, eq=False)
class Referee:
    """Judges answers to one target.

    Attributes:
        head: the target's head.
        truth: the true values of the rows judged; all known.
        resamples: the draws of these rows.
    """

    head: Head
    truth: Array
    resamples: Resamples

    @property
    def primary(self) -> str:
        """The score by which predictors are compared."""
        return self.head.primary

    @property
    def sign(self) -> int:
        """What turns the score so that more is better: 1 or -1."""
        return -1 if self.head.lower_is_better else 1

    def scores(self, decided: Array) -> dict[str, Interval]:
        """Judge answers by every score that the head knows.

        On many rows most scores are drawn less often than the primary one, 200 times at least.
        """
        size = max(1, self.truth.shape[0] * max(1, len(self.head.names)))
        draws = int(np.clip(COST // size, min(200, self.resamples.draws), self.resamples.draws))
        values = self.head.metrics(self.truth, decided)
        drawn = self.resamples.scores(lambda w: self.head.metrics(self.truth, decided, w), draws)
        found = {name: self._interval(name, float(v), drawn[name]) for name, v in values.items()}
        if draws < self.resamples.draws:
            found[self.primary] = self.score(self.mark(decided))
        return found

    def mark(self, decided: Array) -> Mark:
        """Judge answers by the primary score."""
        drawn = self.resamples.scores(lambda w: {"": self.head.score(self.truth, decided, w)})
        return Mark(self.value(decided), drawn[""])

    def value(self, decided: Array) -> float:
        """Give the primary score itself."""
        return float(self.head.score(self.truth, decided))

    def score(self, mark: Mark) -> Interval:
        """Give the primary score with its interval."""
        return self._interval(self.primary, mark.value, mark.drawn)

    def gain(self, mark: Mark, other: Mark) -> Interval:
        """Say by how much one beats another, paired; above 0 is better, whatever the score."""
        value = self.sign * (mark.value - other.value)
        drawn = self.sign * (mark.drawn - other.drawn)
        if self.primary in BOUNDLESS:
            return percentile(value, drawn)
        return share_gain(value, drawn, self.resamples.units)

    def _interval(self, name: str, value: float, drawn: Array) -> Interval:
        if name in BOUNDLESS:
            return percentile(value, drawn)
        return share(value, drawn, self.resamples.units)
