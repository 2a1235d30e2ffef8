"""Scalings of numbers: learnt from training values, and exactly undone for targets.

``SCALINGS`` maps the names that a Number field takes to classes. Scaled values are cut to
-LIMIT..LIMIT, so that no value a file can hold becomes infinite in 32 bits.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float64

Floats = Float64[np.ndarray, " *shape"]
LIMIT = 1e6
KNOTS = 256
MOST = float(np.finfo(np.float64).max)


class Scaling(ABC):
    """A monotonic map of numbers. A subclass is final; its ``learnt`` attributes are its state."""

    learnt: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def fit(self, values: Floats) -> None:
        """Learn from the training values (there may be none)."""

    @abstractmethod
    def __call__(self, values: Floats) -> Floats:
        """Scale."""

    @abstractmethod
    def inverse(self, values: Floats) -> Floats:
        """Scale back."""

    def state(self) -> Mapping[str, Any]:
        """Give what was learned, as JSON data."""
        return {name: getattr(self, name) for name in self.learnt}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what ``state`` gave."""
        for name in self.learnt:
            setattr(self, name, state[name])


class Plain(Scaling):
    """Leaves numbers as they are."""

    def fit(self, values: Floats) -> None:
        """Learn nothing."""

    def __call__(self, values: Floats) -> Floats:
        """Cut to the limit."""
        return np.asarray(np.clip(values, -LIMIT, LIMIT))

    def inverse(self, values: Floats) -> Floats:
        """Leave them."""
        return values


class Standard(Scaling):
    """Subtracts the mean and divides by the standard deviation (1 where all values are equal)."""

    learnt = ("mean", "deviation")

    def __init__(self) -> None:
        self.mean = 0.0
        self.deviation = 1.0

    def fit(self, values: Floats) -> None:
        """Learn mean and deviation."""
        if len(values):
            self.mean = float(values.mean())
            spread = float(values.std())
            self.deviation = spread if spread > 1e-12 * max(1.0, abs(self.mean)) else 1.0

    def __call__(self, values: Floats) -> Floats:
        """Standardise."""
        return np.clip((values - self.mean) / self.deviation, -LIMIT, LIMIT)

    def inverse(self, values: Floats) -> Floats:
        """Scale back."""
        return np.asarray(values * self.deviation + self.mean)


class Log(Scaling):
    """Takes sign(x) log(1 + |x|), then standardises; for x >= 0 that is log(1 + x)."""

    learnt = ("mean", "deviation")

    def __init__(self) -> None:
        self.mean = 0.0
        self.deviation = 1.0

    def fit(self, values: Floats) -> None:
        """Learn mean and deviation of the logarithms."""
        standard = Standard()
        standard.fit(_log(values))
        self.mean, self.deviation = standard.mean, standard.deviation

    def __call__(self, values: Floats) -> Floats:
        """Scale."""
        return np.clip((_log(values) - self.mean) / self.deviation, -LIMIT, LIMIT)

    def inverse(self, values: Floats) -> Floats:
        """Scale back; the logarithm is cut where its power would overflow."""
        return _power(values * self.deviation + self.mean)


class Quantile(Scaling):
    """Maps the training distribution to a normal one through its quantiles.

    A value between two quantiles is interpolated; one that lies on several equal quantiles gets
    the middle of their ranks. Outside the training range a logarithm goes on: an outlier
    stays near, and a target's true value can be told from the scaled one.
    """

    learnt = ("knots",)

    def __init__(self) -> None:
        self.knots: list[float] = [0.0]

    def fit(self, values: Floats) -> None:
        """Learn the quantiles."""
        if len(values):
            self.knots = np.quantile(values, np.linspace(0, 1, KNOTS)).tolist()

    def __call__(self, values: Floats) -> Floats:
        """Scale."""
        knots, ranks = np.array(self.knots), self._ranks
        rising = np.interp(values, knots, ranks)
        falling = np.interp(-values, -knots[::-1], -ranks[::-1])
        with np.errstate(over="ignore"):
            steps = (values - np.clip(values, knots[0], knots[-1])) / self._slope
        beyond = _log(np.clip(steps, -MOST, MOST))
        return np.asarray(_normal((rising - falling) / 2) + beyond)

    def inverse(self, values: Floats) -> Floats:
        """Scale back."""
        values = np.asarray(values)
        low, high = _normal(self._ranks[[0, -1]])
        inside = np.asarray(np.clip(values, low, high))
        ranks = torch.special.ndtr(torch.from_numpy(inside)).numpy()
        found = np.interp(ranks, self._ranks, self.knots)
        with np.errstate(over="ignore"):
            beyond = _power(values - inside) * self._slope
        return np.asarray(np.clip(found + beyond, -MOST, MOST))

    @property
    def _slope(self) -> float:
        """What the first step of the scaled values beyond the ends is worth."""
        low, high = _normal(self._ranks[[0, -1]])
        return float((self.knots[-1] - self.knots[0]) / max(high - low, 1e-9)) or 1.0

    @property
    def _ranks(self) -> Floats:
        count = len(self.knots)
        return (np.arange(count) + 0.5) / count


def _normal(ranks: Floats) -> Floats:
    return np.asarray(torch.special.ndtri(torch.from_numpy(ranks)))


def _log(values: Floats) -> Floats:
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))


def _power(logs: Floats) -> Floats:
    logs = np.clip(logs, -700.0, 700.0)
    return np.asarray(np.sign(logs) * np.expm1(np.abs(logs)))


SCALINGS: dict[str, type[Scaling]] = {
    "log": Log,
    "none": Plain,
    "quantile": Quantile,
    "standard": Standard,
}
