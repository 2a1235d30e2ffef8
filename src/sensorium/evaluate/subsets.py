"""What every subset of the modalities scores: the model is given these and no others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations

from sensorium.evaluate.alterations import Alter, Only
from sensorium.evaluate.intervals import Interval
from sensorium.evaluate.referee import Referee
from sensorium.tasks.head import Array

WHOLE = 5
"""Up to so many modalities every subset is tried."""

PAIRS = 10
"""Up to so many modalities every pair is tried."""

Subset = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SubsetScore:
    """What the model scores with these modalities and no others."""

    names: Subset
    score: Interval


def subsets(names: Sequence[str]) -> list[Subset]:
    """List the subsets of modalities to try, smallest first, all of them last.

    Every one for up to 5 modalities; else single ones, all but one, and pairs (up to 10).
    """
    if len(names) <= WHOLE:
        sizes: Iterable[int] = range(1, len(names) + 1)
    else:
        sizes = (1, *([2] if len(names) <= PAIRS else []), len(names) - 1, len(names))
    return list(chain.from_iterable(combinations(names, size) for size in sizes))


def alterations_of(
    tried: Iterable[Subset], modalities: Mapping[str, Sequence[str]]
) -> dict[Subset, Alter]:
    """Give the alteration that leaves each subset."""
    return {
        names: Only(tuple(chain.from_iterable(modalities[n] for n in names))) for names in tried
    }


def subset_scores(referee: Referee, answers: Mapping[Subset, Array]) -> tuple[SubsetScore, ...]:
    """Score the answers given from each subset, best first."""
    found = [
        SubsetScore(names, referee.score(referee.mark(decided)))
        for names, decided in answers.items()
    ]
    return tuple(sorted(found, key=lambda s: (-referee.sign * s.score.value, len(s.names))))
