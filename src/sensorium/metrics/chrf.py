"""chrF of a whole corpus: an F score of runs of characters, twice the weight on recall. 0 to 1.

Popović 2015, as sacrebleu counts it: 1 to 6 characters, spaces left out, case kept, orders averaged
where both sides have any. Of several references the row's best is taken. Needs no words, so
Chinese is as easy as English.

Legend: rows = pairs of one candidate and its references, orders = runs of 1 to 6 characters.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from sensorium.metrics.references import check_references
from sensorium.metrics.tally import Score, Weight, share, weights

ORDERS = 6
RECALL_WEIGHT = 2
"""beta: how many times more recall counts than precision."""


@dataclass(frozen=True, eq=False)
class ChrfCounts:
    """What chrF is made of, row by row.

    Attributes:
        matched: runs of the candidate that the best reference has as often, by order.
        total: runs of the candidate, by order.
        reference_total: runs of the best reference, by order.
    """

    matched: Int[np.ndarray, " rows orders"]
    total: Int[np.ndarray, " rows orders"]
    reference_total: Int[np.ndarray, " rows orders"]


def chrf_counts(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> ChrfCounts:
    """Count the runs of characters of every row, once.

    Errors:
        SensoriumError: a row has no reference.
    """
    check_references(candidates, references)
    rows = [
        _best(_grams(candidate), [_grams(one) for one in given])
        for candidate, given in zip(candidates, references, strict=True)
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 3, ORDERS)
    return ChrfCounts(table[:, 0], table[:, 1], table[:, 2])


def chrf(counts: ChrfCounts, weight: Weight = None) -> Score:
    """Give chrF from the counts of a corpus; of each draw where there are draws.

    Returns:
        0 to 1; NaN when no row counts.
    """
    each = weights(len(counts.total), weight)
    score = _f_score(each @ counts.matched, each @ counts.total, each @ counts.reference_total)
    found: Score = np.where(each.sum(-1) > 0, score, np.nan)[()]
    return found


def _f_score(
    matched: Float[np.ndarray, " *any orders"],
    total: Float[np.ndarray, " *any orders"],
    reference_total: Float[np.ndarray, " *any orders"],
) -> Float[np.ndarray, " *any"]:
    known = (total > 0) & (reference_total > 0)
    orders = np.maximum(known.sum(-1), 1)
    precision = (share(matched, total) * known).sum(-1) / orders
    recall = (share(matched, reference_total) * known).sum(-1) / orders
    factor = RECALL_WEIGHT**2
    below = np.asarray(factor * precision + recall)
    return share(np.asarray((1 + factor) * precision * recall), below)


def _best(
    candidate: list[Counter[str]], references: list[list[Counter[str]]]
) -> Int[np.ndarray, " 3 orders"]:
    found = np.array([_count(candidate, one) for one in references])
    scores = _f_score(*found.astype(np.float64).swapaxes(0, 1))
    best: Int[np.ndarray, " 3 orders"] = found[np.argmax(scores)]
    return best


def _count(candidate: list[Counter[str]], reference: list[Counter[str]]) -> list[list[int]]:
    """Count matches, the candidate's runs where the reference has any so long, the reference's."""
    pairs = list(zip(candidate, reference, strict=True))
    return [
        [(ours & theirs).total() for ours, theirs in pairs],
        [ours.total() if theirs else 0 for ours, theirs in pairs],
        [theirs.total() for _, theirs in pairs],
    ]


def _grams(text: str) -> list[Counter[str]]:
    packed = "".join(text.split())
    return [
        Counter(packed[i : i + order] for i in range(len(packed) - order + 1))
        for order in range(1, ORDERS + 1)
    ]
