"""One referee a target: judges every predictor on the same rows and the same draws of them.

So the model, its parts, the baseline and any altered run are comparable, and differences between
them are paired. Knows truth and scores; not where an answer came from.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sensorium.evaluate.intervals import Interval, Resamples, percentile, share, share_gain
from sensorium.tasks.head import Array, Head

COST = 100_000_000
"""The most draws times rows times classes that all scores of one predictor may take (about 5 s)."""

ERRORS = frozenset({"log_loss", "mae", "mse", "rmse", "calibration_error"})
"""Scores of which less is better."""

BOUNDLESS = ERRORS | {"r2"}
"""Scores that are no shares of anything."""


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
        """Judge answers by every score that the head knows."""
        size = max(1, self.truth.shape[0] * max(1, len(self.head.names)))
        draws = int(np.clip(COST // size, min(200, self.resamples.draws), self.resamples.draws))
        values = self.head.metrics(self.truth, decided)
        drawn = self.resamples.scores(lambda w: self.head.metrics(self.truth, decided, w), draws)
        return {name: self._interval(name, float(v), drawn[name]) for name, v in values.items()}

    def score(self, decided: Array) -> Interval:
        """Judge answers by the primary score."""
        return self._interval(self.primary, self.value(decided), self.drawn(decided))

    def value(self, decided: Array) -> float:
        """Give the primary score itself."""
        return float(self.head.score(self.truth, decided))

    def gain(self, decided: Array, other: Array) -> Interval:
        """Say by how much answers beat others, paired; above 0 is better, whatever the score."""
        value = self.sign * (self.value(decided) - self.value(other))
        drawn = self.sign * (self.drawn(decided) - self.drawn(other))
        if self.primary in BOUNDLESS:
            return percentile(value, drawn)
        return share_gain(value, drawn, self.resamples.units)

    def drawn(self, decided: Array) -> Float[np.ndarray, " draws"]:
        """Give the primary score of each draw."""
        scores = self.resamples.scores(lambda w: {"": self.head.score(self.truth, decided, w)})
        return scores[""]

    def _interval(self, name: str, value: float, drawn: Array) -> Interval:
        if name in BOUNDLESS:
            return percentile(value, drawn)
        return share(value, drawn, self.resamples.units)
