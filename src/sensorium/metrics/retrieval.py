"""Scores of searches: how far up the items stand that a query is looking for.

Every query's items are sorted once (``place``); all scores, and a bootstrap of many draws over
queries, share the sorting. Ties are broken in our favour as often as chance would: no score
depends on the order of the items, and a constant similarity scores as a guess does, not better.
Queries that have no relevant item are left out.

Legend: queries and items = rows and columns of a similarity, found = pairs of a query and an item
that is relevant to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from sensorium.metrics.tally import Score, Weight, divide, mean, weights


@dataclass(frozen=True, eq=False)
class Places:
    """Where the relevant items stand, query by query, best first.

    Attributes:
        relevant: how many items are relevant to each query.
        above: how many of its query's items are more similar than this one.
        level: how many are as similar or more, this one included.
        hits: how many of those are relevant.
    """

    relevant: Int[np.ndarray, " queries"]
    above: Int[np.ndarray, " found"]
    level: Int[np.ndarray, " found"]
    hits: Int[np.ndarray, " found"]


def place(
    similarity: Float[np.ndarray, " queries items"], relevance: Bool[np.ndarray, " queries items"]
) -> Places:
    """Find where the relevant items stand; one query at a time, so that memory stays small.

    Args:
        similarity: higher is nearer; a NaN is as far as can be.
        relevance: which items each query is looking for.
    """
    places = [_place(*row) for row in zip(similarity, relevance, strict=True)]
    above, level, hits = np.concatenate([np.zeros((3, 0), np.int64), *places], 1)
    return Places(relevance.sum(1), above, level, hits)


def _place(
    similarity: Float[np.ndarray, " items"], relevance: Bool[np.ndarray, " items"]
) -> Int[np.ndarray, " 3 relevant"]:
    similarity = np.where(np.isnan(similarity), -np.inf, similarity)
    ordered, wanted = np.sort(similarity), np.sort(similarity[relevance])
    found = wanted[::-1]
    return np.stack(
        [
            len(ordered) - np.searchsorted(ordered, found, "right"),
            len(ordered) - np.searchsorted(ordered, found, "left"),
            len(wanted) - np.searchsorted(wanted, found, "left"),
        ]
    )


def ranks(places: Places) -> Float[np.ndarray, " queries"]:
    """Give the rank of each query's best relevant item, 1 first; NaN where none is relevant.

    Among n items of the same similarity, r of them relevant, it is averaged over all orders of the
    n: (n + 1) / (r + 1). So a lone relevant item shares ranks evenly with what it ties with.
    """
    some = places.relevant > 0
    best = (np.cumsum(places.relevant) - places.relevant)[some]
    tied = places.level[best] - places.above[best]
    out = np.full(len(places.relevant), np.nan)
    out[some] = places.above[best] + (tied + 1) / (places.hits[best] + 1)
    return out


def recall_at(places: Places, k: int, weight: Weight = None) -> Score:
    """Give the share of queries with a relevant item among the first k (R@k).

    A best item whose averaged rank is beyond k, such as one of a tie across it, is not found.
    """
    rank = ranks(places)
    return _mean(np.where(np.isnan(rank), np.nan, rank <= k), weight)


def median_rank(places: Places, weight: Weight = None) -> Score:
    """Give the median of the ranks; half of the queries find something up to there."""
    rank = ranks(places)
    known = ~np.isnan(rank)
    order = np.argsort(rank[known])
    rank, each = rank[known][order], weights(len(known), weight)[..., known][..., order]
    if len(rank) == 0:
        return np.full(each.shape[:-1], np.nan)[()]
    until = np.cumsum(each, -1)
    half = until[..., -1:] / 2
    low, high = (rank[np.argmax(reached, -1)] for reached in (until >= half, until > half))
    middle: Score = np.where(half[..., 0] > 0, (low + high) / 2, np.nan)[()]
    return middle


def mean_reciprocal_rank(places: Places, weight: Weight = None) -> Score:
    """Average 1 / rank of the best relevant item (MRR)."""
    return _mean(1 / ranks(places), weight)


def ndcgs(places: Places, k: int) -> Float[np.ndarray, " queries"]:
    """Give each query's normalised discounted cumulative gain over the first k items.

    An item at rank r is worth 1 / log2(r + 1), averaged over the ranks of those it ties with
    (McSherry and Najork 2008); the sum is divided by that of the best order. Järvelin and
    Kekäläinen 2002.

    Returns:
        0 to 1; NaN where no item is relevant.
    """
    most = int(places.level.max(initial=0))
    worth = np.where(np.arange(most) < k, 1 / np.log2(np.arange(most) + 2), 0.0)
    until = np.concatenate([[0.0], np.cumsum(worth)])
    gains = (until[places.level] - until[places.above]) / (places.level - places.above)
    return np.asarray(divide(_by_query(places, gains), until[np.minimum(places.relevant, most)]))


def ndcg_at(places: Places, k: int, weight: Weight = None) -> Score:
    """Average nDCG@k over the queries."""
    return _mean(ndcgs(places, k), weight)


def average_precisions(places: Places) -> Float[np.ndarray, " queries"]:
    """Average, for each query, the precision at each relevant item's similarity.

    Returns:
        0 to 1, as ``average_precision`` of each row; NaN where no item is relevant.
    """
    total = _by_query(places, places.hits / places.level)
    return np.asarray(divide(total, places.relevant))


def retrieval_map(places: Places, weight: Weight = None) -> Score:
    """Average the average precision over the queries (mAP)."""
    return _mean(average_precisions(places), weight)


def retrieval_scores(
    similarity: Float[np.ndarray, " queries items"],
    relevance: Bool[np.ndarray, " queries items"],
    weight: Weight = None,
    at: Sequence[int] = (1, 5, 10),
) -> dict[str, Score]:
    """Give all scores of a search by name, from one sorting.

    Args:
        similarity: higher is nearer.
        relevance: which items each query is looking for.
        weight: how much each query counts.
        at: the ks of recall; nDCG has the last of them.
    """
    places = place(similarity, relevance)
    return {
        **{f"recall_at_{k}": recall_at(places, k, weight) for k in at},
        "median_rank": median_rank(places, weight),
        "mrr": mean_reciprocal_rank(places, weight),
        f"ndcg_at_{at[-1]}": ndcg_at(places, at[-1], weight),
        "retrieval_map": retrieval_map(places, weight),
    }


def _by_query(places: Places, values: Float[np.ndarray, " found"]) -> Float[np.ndarray, " queries"]:
    queries = len(places.relevant)
    query = np.repeat(np.arange(queries), places.relevant)
    return np.bincount(query, values, queries).astype(np.float64)


def _mean(values: Float[np.ndarray, " queries"], weight: Weight) -> Score:
    """Average what is not NaN."""
    known = ~np.isnan(values)
    return mean(values[known], None if weight is None else np.asarray(weight)[..., known])
