"""Scores of keywords: precision, recall and F1 of the first k, averaged over rows.

Words are compared in lower case by their stem (Porter), Chinese as it is; of keywords that fall
together only the first counts. A row's F1 is made of its own precision and recall (Yuan et al.
2020): of the first k, of all that the model gave (@M), or of as many as are true (@O). Where fewer
than k were given, precision is of those. Rows without a true keyword are left out.

Legend: rows = lists of keywords answered, best first, each with a list of true ones; found =
answered keywords that are true, of all rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from sensorium.core.errors import ExtraError, SensoriumError
from sensorium.metrics.chinese import plain_words
from sensorium.metrics.references import check_rows
from sensorium.metrics.tally import Score, Weight, mean, share, weights

KeywordCut = int | Literal["M", "O"]
"""How many of the first keywords are judged: so many, all answered, or as many as are true."""

Keyword = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class KeywordHits:
    """Where the true keywords stand among the answered ones.

    Attributes:
        gold: how many different keywords are true, by row.
        predicted: how many different ones were answered, by row.
        row: the row of each that was found.
        rank: its place among the answered, 1 first.
    """

    gold: Int[np.ndarray, " rows"]
    predicted: Int[np.ndarray, " rows"]
    row: Int[np.ndarray, " found"]
    rank: Int[np.ndarray, " found"]


@dataclass(frozen=True, eq=False)
class _Judged:
    matched: Float[np.ndarray, " rows"]
    predicted: Int[np.ndarray, " rows"]


def keyword_hits(predicted: Sequence[Sequence[str]], gold: Sequence[Sequence[str]]) -> KeywordHits:
    """Find the true keywords among the answered ones, once.

    Args:
        predicted: the keywords answered in each row, best first; a row may have none.
        gold: the true keywords of each row.

    Errors:
        SensoriumError: a row's keywords are one text, or the sides have not as many rows.
        ExtraError: there are words to stem and snowballstemmer is not installed.
    """
    check_rows(predicted, gold, "rows of keywords answered", "rows of true keywords")
    answered, true = ([_distinct(row) for row in side] for side in (predicted, gold))
    found = [
        (row, rank)
        for row, (given, wanted) in enumerate(zip(answered, true, strict=True))
        for rank, keyword in enumerate(given, 1)
        if keyword in wanted
    ]
    table = np.array(found, dtype=np.int64).reshape(-1, 2)
    return KeywordHits(_sizes(true), _sizes(answered), table[:, 0], table[:, 1])


def keyword_precision(hits: KeywordHits, k: KeywordCut = "M", weight: Weight = None) -> Score:
    """Average, of the keywords judged, the share that is true; 0 for a row that gave none."""
    cut = _cut(hits, k)
    return _mean(share(cut.matched, cut.predicted), hits, weight)


def keyword_recall(hits: KeywordHits, k: KeywordCut = "M", weight: Weight = None) -> Score:
    """Average, of the true keywords, the share that is among those judged."""
    return _mean(share(_cut(hits, k).matched, hits.gold), hits, weight)


def keyword_f1(hits: KeywordHits, k: KeywordCut = "M", weight: Weight = None) -> Score:
    """Average the rows' harmonic mean of precision and recall."""
    cut = _cut(hits, k)
    return _mean(share(2 * cut.matched, cut.predicted + hits.gold), hits, weight)


def keyword_scores(
    hits: KeywordHits, weight: Weight = None, at: Sequence[int] = (5, 10)
) -> dict[str, Score]:
    """Give all scores of keywords by name.

    Args:
        hits: from ``keyword_hits``.
        weight: how much each row counts.
        at: the ks; F1 is given of all answered (M) and of as many as are true (O) as well.
    """
    kinds: dict[str, Callable[[KeywordHits, KeywordCut, Weight], Score]] = {
        "precision": keyword_precision,
        "recall": keyword_recall,
        "f1": keyword_f1,
    }
    return {
        **{f"keyword_{n}_at_{k}": s(hits, k, weight) for n, s in kinds.items() for k in at},
        "keyword_f1_at_o": keyword_f1(hits, "O", weight),
        "keyword_f1_at_m": keyword_f1(hits, "M", weight),
    }


def _cut(hits: KeywordHits, k: KeywordCut) -> _Judged:
    limit = hits.predicted if k == "M" else hits.gold if k == "O" else np.full_like(hits.gold, k)
    kept = hits.row[hits.rank <= limit[hits.row]]
    matched = np.bincount(kept, minlength=len(limit)).astype(np.float64)
    return _Judged(matched, np.minimum(hits.predicted, limit))


def _sizes(side: Sequence[dict[Keyword, None]]) -> Int[np.ndarray, " rows"]:
    return np.array([len(row) for row in side], dtype=np.int64)


def _mean(values: Float[np.ndarray, " rows"], hits: KeywordHits, weight: Weight) -> Score:
    """Average over the rows with a true keyword."""
    return mean(values, weights(len(values), weight) * (hits.gold > 0))


def _distinct(keywords: Sequence[str]) -> dict[Keyword, None]:
    """Give different keywords in their order; such as have no letter or digit are left out."""
    if isinstance(keywords, str):
        msg = f"the keywords of a row are one text, {keywords!r}; give a list of keywords"
        raise SensoriumError(msg)
    stems = (keyword_stems(keyword) for keyword in keywords)
    return {words: None for words in stems if words}


def keyword_stems(keyword: str) -> Keyword:
    """Give the stems of a keyword's words; keywords of the same stems count as the same.

    Errors:
        ExtraError: there are words to stem and snowballstemmer is not installed.
    """
    return tuple(_stem(word) if word.isascii() else word for word in plain_words(keyword))


@lru_cache(maxsize=200_000)
def _stem(word: str) -> str:
    return _porter()(word)


@lru_cache(maxsize=1)
def _porter() -> Callable[[str], str]:
    try:
        import snowballstemmer  # noqa: PLC0415  an extra, needed only for keywords with letters
    except ImportError as error:
        raise ExtraError("snowballstemmer", "text", "Comparing keywords by stem") from error
    stem: Callable[[str], str] = snowballstemmer.stemmer("porter").stemWord
    return stem
