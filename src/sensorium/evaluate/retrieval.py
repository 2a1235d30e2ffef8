"""What is found out about an aligned space: how well each column finds another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.counted import counted
from sensorium.core.errors import PartError, TableError
from sensorium.core.seed import numpy_generator
from sensorium.data.table import Table
from sensorium.evaluate.bench import FEWEST, count_groups, labels
from sensorium.evaluate.intervals import Interval, Resamples, number, percentile, share
from sensorium.evaluate.space import Search, Space, searches
from sensorium.metrics import (
    Places,
    Score,
    mean_reciprocal_rank,
    median_rank,
    ndcg_at,
    ranks,
    recall_at,
    retrieval_map,
)
from sensorium.model import Model
from sensorium.preprocess import CellView, Shelf, view_cell
from sensorium.tasks import Align

PRIMARY = "mrr"
BEST, WORST, SHOWN = 3, 6, 4
DRAWS = 40
MOST, VALIDATED = 20_000, 4_000
"""So many cells of a column are searched for a report, and after each epoch; of more, the first."""
SCORES: dict[str, Callable[[Places, Any], Score]] = {
    "recall_at_1": lambda places, weight: recall_at(places, 1, weight),
    "recall_at_5": lambda places, weight: recall_at(places, 5, weight),
    "recall_at_10": lambda places, weight: recall_at(places, 10, weight),
    "mrr": mean_reciprocal_rank,
    "median_rank": median_rank,
    "ndcg_at_10": lambda places, weight: ndcg_at(places, 10, weight),
    "retrieval_map": retrieval_map,
}
"""The scores of a direction, by name."""
COUNTED = "median_rank"
"""The one score that is no share."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One query and what was found for it.

    Attributes:
        rank: the rank of the best right item.
        query: the cell that asked.
        right: a right item.
        found: the items found first, best first, and whether each is right.
    """

    rank: float
    query: CellView
    right: CellView
    found: tuple[tuple[CellView, bool], ...]


@dataclass(frozen=True, eq=False)
class Retrieval:
    """How well one column finds another.

    Attributes:
        query, item: the columns.
        queries, items: how many distinct cells ask, and are searched.
        metrics: each score with its interval; queries of one group (the schema's), or else of
            one partner, are drawn together.
        chance: what guessing scores, by name of the score, where it is known.
        best, worst: queries worth looking at.
    """

    query: str
    item: str
    queries: int
    items: int
    metrics: Mapping[str, Interval]
    chance: Mapping[str, float]
    best: tuple[Asked, ...]
    worst: tuple[Asked, ...]

    @property
    def sentence(self) -> str:
        """Say how well it finds, beside guessing."""
        one, ten = (self.metrics[f"recall_at_{k}"] for k in (1, 10))
        guess = ", ".join(number(self.chance[f"recall_at_{k}"]) for k in (1, 10))
        queries = counted(self.queries, "query", "queries")
        return (
            f"{self.query} finds its {self.item} among {self.items:,} at once in {one}, among the "
            f"first ten in {ten} of {queries}; guessing: {guess}."
        )


def retrieval(model: Model, table: Table, space: Space, seed: int = 0) -> dict[str, Retrieval]:
    """Judge every direction of an aligned model.

    Args:
        model: its task is ``Align``.
        table: the rows, to show some of them and to tell which belong to one group.
        space: the vectors of the same rows.
        seed: draws the intervals.

    Errors:
        TableError: no row has two of the columns.
    """
    found = searches(space, pairs_of(model), MOST)
    if not found:
        names = ", ".join(map(repr, model.task.columns))
        msg = f"no row has two of {names}; give rows in which they belong together"
        raise TableError(msg)
    show = _Show(model, table)
    group = model.schema.group
    named = None
    if group is not None and count_groups(table, group) >= FEWEST:
        known = labels(table, group)
        named = np.array([known[row] for row in table.row_ids])
    return {
        search.name: _judge(
            search, show, search.groups() if named is None else named[search.query_rows], seed
        )
        for search in found
    }


def pairs_of(model: Model) -> tuple[tuple[str, str], ...]:
    """Give the pairs of columns that a model aligned.

    Errors:
        PartError: its task aligns nothing.
    """
    if not isinstance(model.task, Align):
        msg = f"{type(model.task).__name__} brings no columns into one space; fit with task=Align"
        raise PartError(msg)
    return model.task.pairs


def validation(model: Model, shelf: Shelf, seed: int) -> dict[str, Any]:
    """Score an aligned model while it learns: scores by direction, and one to choose epochs by."""
    found = searches(Space.of(model, shelf), pairs_of(model), VALIDATED)
    if not found:
        return {"valid": {}, "score": None}
    valid, reciprocals, doubts, errors = {}, [], [], []
    for search in found:
        places = search.places()
        rank = ranks(places)
        valid[search.name] = {name: float(score(places, None)) for name, score in SCORES.items()}
        draws = numpy_generator(seed, "doubt").multinomial(
            len(rank), np.full(len(rank), 1 / len(rank)), DRAWS
        )
        reciprocals.append(valid[search.name][PRIMARY])
        doubts.append(float(np.std(draws @ (1 / rank) / len(rank))))
        errors.append(float(np.log(rank).mean()))
    return {
        "valid": valid,
        "score": sum(reciprocals) / len(reciprocals),
        "standard_error": sum(doubt**2 for doubt in doubts) ** 0.5 / len(doubts),
        "error": sum(errors) / len(errors),
    }


def _judge(search: Search, show: "_Show", groups: NDArray[Any], seed: int) -> Retrieval:
    near = search.similarity()
    places = search.places()
    draws = Resamples(len(near), seed=seed, groups=groups)
    drawn = draws.scores(lambda weight: {n: score(places, weight) for n, score in SCORES.items()})
    metrics = {}
    for name, score in SCORES.items():
        value = float(score(places, None))
        metrics[name] = (
            percentile(value, drawn[name])
            if name == COUNTED
            else share(value, drawn[name], draws.units)
        )
    rank = ranks(places)
    order = np.argsort(rank, kind="stable")
    return Retrieval(
        query=search.query,
        item=search.item,
        queries=len(near),
        items=near.shape[1],
        metrics=metrics,
        chance=_chance(search),
        best=tuple(show(search, near, rank, order[:BEST].tolist())),
        worst=tuple(show(search, near, rank, order[: BEST - 1 : -1][:WORST].tolist())),
    )


def _chance(search: Search) -> dict[str, float]:
    """Give the recall of a search in random order: 1 - C(n - r, k) / C(n, k), by queries."""
    items, right = search.relevant.shape[1], search.relevant.sum(1)
    found = {}
    for k in (1, 5, 10):
        missed = np.ones(len(right))
        for step in range(min(k, items)):
            missed *= np.maximum(items - right - step, 0) / (items - step)
        found[f"recall_at_{k}"] = float((1 - missed).mean())
    return found


@dataclass(frozen=True, eq=False)
class _Show:
    model: Model
    table: Table

    def __call__(self, search: Search, near: Any, rank: Any, chosen: Sequence[int]) -> list[Asked]:
        shown = []
        for query in chosen:
            first = np.argsort(-near[query], kind="stable")[:SHOWN]
            right = int(np.flatnonzero(search.relevant[query])[0])
            shown.append(
                Asked(
                    float(rank[query]),
                    self._cell(search.query, int(search.query_rows[query])),
                    self._cell(search.item, int(search.item_rows[right])),
                    tuple(
                        (
                            self._cell(search.item, int(search.item_rows[item])),
                            bool(search.relevant[query, item]),
                        )
                        for item in first
                    ),
                )
            )
        return shown

    def _cell(self, column: str, row: int) -> CellView:
        return view_cell(self.model.prep, column, self.table[row].get(column), row)
