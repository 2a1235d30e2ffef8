"""What a search finds, and how two rankings become one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SMOOTH = 60
"""Added to each rank before ranks are joined, as in Cormack et al. 2009."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A row that was found.

    Attributes:
        key: its key.
        score: the cosine similarity of its vector to the query's, -1 to 1; where words were
            searched too, the sum of 1 / (60 + rank) over both ways (reciprocal rank fusion);
            0 where only a condition was asked, which ranks nothing.
        row: its cells by column; None for cells that were arrays or open pictures.
    """

    key: str
    score: float
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rows that are nearly alike.

    Attributes:
        first, second: their keys.
        similarity: the cosine of their vectors.
    """

    first: str
    second: str
    similarity: float


def by_rank(rank: int) -> float:
    """Score a place in a ranking, counted from 1."""
    return 1.0 / (SMOOTH + rank)


def joined(rankings: Sequence[Sequence[int]]) -> dict[int, float]:
    """Join rankings of ids by the sum of ``by_rank`` (reciprocal rank fusion), the best first."""
    scores: dict[int, float] = {}
    for ids in rankings:
        for rank, one in enumerate(ids, 1):
            scores[one] = scores.get(one, 0.0) + by_rank(rank)
    return dict(sorted(scores.items(), key=lambda found: (-found[1], found[0])))
