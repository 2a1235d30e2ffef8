"""Bootstrap intervals: how far a score could be off because the rows are only a sample.

One ``Resamples`` serves every score and every predictor of a report, so that the difference of
two of them is paired: both are judged on the same drawn rows. Rows that belong together (a
speaker, a customer) are drawn together. Knows nothing of models: numbers in, intervals out.

Legend: draws = resamples, rows = rows judged, units = what is drawn: groups, or single rows.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from sensorium.core.seed import numpy_generator

Numbers = NDArray[np.floating[Any]]

CELLS = 4_000_000
"""How many weights are held at once (rows times draws); 32 MB."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A number and where it may really lie.

    Attributes:
        value: the number on the rows at hand.
        low, high: the ends of the interval; both NaN when there were too few rows to tell.
        level: how often such an interval holds the true number.
    """

    value: float
    low: float
    high: float
    level: float = 0.95

    def __str__(self) -> str:
        """Write it as people read it: ``0.873 (0.851 to 0.894)``."""
        return f"{number(self.value)} ({self.ends})"

    @property
    def ends(self) -> str:
        """Write where it may lie: ``0.851 to 0.894``."""
        if np.isnan(self.low):
            return "too few rows to tell"
        return f"{number(self.low)} to {number(self.high)}"


def number(value: float, digits: int = 3) -> str:
    """Write a number shortly: decimals where it is small, thousands where it is large."""
    if np.isnan(value):
        return "unknown"
    size = abs(value)
    if size >= 1_000:
        return f"{value:,.0f}"
    if 0 < size < 0.001:
        return f"{value:.1g}"
    return f"{value:.{digits}g}" if size >= 10 else f"{value:.{digits}f}"


@dataclass(frozen=True, eq=False)
class Resamples:
    """Draws of rows with replacement, the same each time they are gone through.

    Attributes:
        rows: how many rows there are.
        draws: how many times they are drawn anew.
        seed: the same seed gives the same draws.
        groups: one label a row; rows of one label are drawn together. None draws single rows.
    """

    rows: int
    draws: int = 1_000
    seed: int = 0
    groups: NDArray[Any] | None = None

    @property
    def units(self) -> int:
        """How many things are drawn: groups where there are groups, rows otherwise."""
        return self.rows if self.groups is None else len(np.unique(self.groups))

    def weights(self, draws: int | None = None) -> Iterator[Float[np.ndarray, " draws rows"]]:
        """Go through the draws, some at a time: how often each row is in each draw."""
        left = self.draws if draws is None else min(draws, self.draws)
        if self.rows * self.draws <= CELLS:
            yield self._kept[:left]
        else:
            yield from self._fresh(left)

    @cached_property
    def _kept(self) -> Float[np.ndarray, " draws rows"]:
        return np.concatenate(list(self._fresh(self.draws)))

    def _fresh(self, left: int) -> Iterator[Float[np.ndarray, " draws rows"]]:
        random = numpy_generator(self.seed, "bootstrap")
        member = None if self.groups is None else np.unique(self.groups, return_inverse=True)[1]
        most = max(1, CELLS // max(1, self.rows))
        while left > 0:
            some = min(left, most)
            counts = _multinomial(random, some, self.units)
            yield counts if member is None else counts[:, member]
            left -= some

    def scores(
        self, score: Callable[[Numbers], Mapping[str, Any]], draws: int | None = None
    ) -> dict[str, Numbers]:
        """Compute named scores on each draw.

        Args:
            score: gives one number a draw for each name, from Float[draws rows]: how often each
                row counts in each draw.
            draws: take only the first so many draws, where a score is slow.
        """
        table: dict[str, list[Numbers]] = {}
        for weight in self.weights(draws):
            for name, values in score(weight).items():
                table.setdefault(name, []).append(np.asarray(values, dtype=np.float64))
        return {name: np.concatenate(parts) for name, parts in table.items()}


def _multinomial(
    random: np.random.Generator, draws: int, units: int
) -> Float[np.ndarray, " draws units"]:
    # Counting drawn numbers is many times faster than numpy's own multinomial.
    drawn = random.integers(0, units, size=(draws, units))
    drawn += np.arange(draws)[:, None] * units
    counts = np.bincount(drawn.ravel(), minlength=draws * units)
    return counts.reshape(draws, units).astype(np.float64)


def percentile(value: float, drawn: Numbers, level: float = 0.95) -> Interval:
    """Take the interval that holds the middle of the draws (Efron, 1979).

    Draws in which the score is not defined (one class only, say) are left out; when that leaves
    fewer than half, the ends are NaN.
    """
    some = drawn[np.isfinite(drawn)]
    if len(some) < max(2, len(drawn) / 2):
        return Interval(value, float("nan"), float("nan"), level)
    low, high = np.quantile(some, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), level)


def share(value: float, drawn: Numbers, units: int, level: float = 0.95) -> Interval:
    """Give the interval of a score that lies between 0 and 1, such as accuracy.

    Where all answers are right (or all wrong), every draw says the same and the bootstrap would
    claim certainty. There the exact binomial bound stands in (Clopper and Pearson, 1934): 50 rows
    without a mistake give 0.929 to 1, not 1 to 1.
    """
    plain = percentile(value, drawn, level)
    if plain.low != plain.high or value not in (0.0, 1.0):
        return plain
    most = most_unseen(units, level)
    return Interval(value, 1 - most, 1.0, level) if value else Interval(value, 0.0, most, level)


def share_gain(value: float, drawn: Numbers, units: int, level: float = 0.95) -> Interval:
    """Give the interval of the difference of two such scores, paired.

    Where both answer every row alike, it is as wide as what so few rows cannot rule out.
    """
    plain = percentile(value, drawn, level)
    if not value == plain.low == plain.high == 0:
        return plain
    most = most_unseen(units, level)
    return Interval(value, -most, most, level)


def most_unseen(units: int, level: float = 0.95) -> float:
    """Tell how large the share of something can be that was not met once in so many units."""
    return float(1 - ((1 - level) / 2) ** (1 / max(1, units)))
