"""Likely leaks: what would let a model score well here and fail in use.

A leak is a suspicion with its evidence, not a verdict: it says where to look.
"""

import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float64

from sensorium.core.seed import numpy_generator
from sensorium.data.column import Places
from sensorium.data.duplicates import Groups
from sensorium.data.sample import is_missing

LEAST_ROWS = 50
"""With fewer rows nothing is suspected."""

LEAST_VALUES = 10
"""A column of fewer different numbers has no order to speak of."""

_SURE = 0.99
_OWN = 0.9
_OFTEN = 0.3


@dataclass(frozen=True, slots=True)
class Leak:
    """One suspicion.

    Attributes:
        column: the column that leaks.
        kind: ``"order"``, ``"name"``, ``"file name"``, ``"determines"`` or ``"duplicates"``.
        found: the evidence.
        advice: what to do.
    """

    column: str
    kind: str
    found: str
    advice: str


def of_order(name: str, cells: Sequence[Any], labels: Sequence[Any]) -> list[Leak]:
    """Suspect a column of numbers or dates whose order tells the labels.

    Rows are sorted by the column; if the labels then come in hardly more runs than there are
    labels, and chance would not give that, the column determines the label (or the rows were
    sorted by it).
    """
    pairs = [(cell, label) for cell, label in zip(cells, labels, strict=True)
             if not is_missing(cell) and not is_missing(label)]  # fmt: skip
    if len(pairs) < LEAST_ROWS or len({cell for cell, _ in pairs}) < LEAST_VALUES:
        return []
    shuffled = numpy_generator(0, "ties").permutation(len(pairs)).tolist()
    try:
        order = sorted(shuffled, key=lambda place: pairs[place][0])
    except TypeError:
        return []
    seen = [pairs[place][1] for place in order]
    runs = 1 + sum(a != b for a, b in pairwise(seen))
    hits = 1 - (runs - len(set(seen))) / (len(seen) - 1)
    most = Counter(seen).most_common(1)[0][1] / len(seen)
    if most == 1 or hits < _SURE or 1 - hits > 0.1 * (1 - most):
        return []
    found = f"in its order the labels come in only {runs:,} runs in {len(seen):,} rows"
    return [Leak(name, "order", found, "leave it out, and split by time or group if rows follow "
                 "each other")]  # fmt: skip


def of_value(name: str, cells: Sequence[Any], labels: Sequence[Any]) -> list[Leak]:
    """Suspect a column each of whose (repeated) values goes with one label only."""
    by_value: dict[Hashable, Counter[Hashable]] = {}
    for cell, label in zip(cells, labels, strict=True):
        if isinstance(cell, str | int | float) and not is_missing(cell) and not is_missing(label):
            by_value.setdefault(cell, Counter())[label] += 1
    repeated = [counts for counts in by_value.values() if counts.total() > 1]
    rows = sum(counts.total() for counts in repeated)
    all_labels = sum(by_value.values(), Counter())
    if rows < max(LEAST_ROWS, 0.5 * all_labels.total()) or len(all_labels) < 2:
        return []
    hits = sum(max(counts.values()) for counts in repeated) / rows
    most = max(all_labels.values()) / all_labels.total()
    chance = _chance(repeated, all_labels)
    if hits < _SURE or 1 - hits > 0.1 * (1 - most) or chance > 0.9:
        return []
    found = f"each value goes with one label only: it tells {hits:.1%} of {rows:,} rows"
    return [Leak(name, "determines", found, "leave it out if it is not known before the target")]


def _chance(groups: Sequence[Counter[Hashable]], labels: Counter[Hashable]) -> float:
    """Give how well groups of these sizes would tell the labels if they were random."""
    shares = np.array(list(labels.values())) / labels.total()
    sizes = np.array([counts.total() for counts in groups])
    return float(((shares**2).sum() ** (np.minimum(sizes, 20) - 1) * sizes).sum() / sizes.sum())


def of_rank(name: str, cells: Sequence[Any], values: Sequence[Any]) -> list[Leak]:
    """Suspect a column of numbers that rises or falls with a target of numbers."""
    pairs = [(a, b) for a, b in zip(cells, values, strict=True) if _is_number(a) and _is_number(b)]
    if len(pairs) < LEAST_ROWS or any(
        len(set(of)) < LEAST_VALUES for of in zip(*pairs, strict=True)
    ):
        return []
    left, right = (_ranks(np.array(of, dtype=np.float64)) for of in zip(*pairs, strict=True))
    found = float(np.corrcoef(left, right)[0, 1])
    if abs(found) < 0.995:
        return []
    return [Leak(name, "determines", f"its rank correlation with the target is {found:.3f}",
                 "leave it out if it is not known before the target")]  # fmt: skip


def _is_number(cell: Any) -> bool:
    return isinstance(cell, int | float) and bool(np.isfinite(cell))


def _ranks(values: Float64[np.ndarray, " rows"]) -> Float64[np.ndarray, " rows"]:
    """Rank; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse])


def of_names(
    name: str, cells: Sequence[Any], labels: Sequence[Any], *, file_name: bool = False
) -> list[Leak]:
    """Suspect a column of words, or of file names, that hold the name of the row's own label."""
    names = {str(label).casefold() for label in labels if not is_missing(label)}
    words = {of for of in names if len(of) >= 3 and not of.isdigit()}
    if len(words) < 2:
        return []
    pattern = re.compile(r"(?<![^\W_])(" + "|".join(map(re.escape, sorted(words))) + r")(?![^\W_])")
    rows = hits = own = 0
    for cell, label in zip(cells, labels, strict=True):
        if is_missing(label) or is_missing(cell):
            continue
        rows += 1
        found = set(pattern.findall(str(cell).casefold()))
        hits += bool(found)
        own += found == {str(label).casefold()}
    if rows < LEAST_ROWS or hits < _OFTEN * rows or own < _OWN * hits:
        return []
    found_text = f"the name of the label stands in {hits / rows:.0%} of the cells"
    if file_name:
        advice = "harmless here: only the content is read, never the name"
        return [Leak(name, "file name", found_text, advice)]
    return [Leak(name, "name", found_text, "remove it from the text, or leave the column out")]


def of_duplicates(name: str, groups: Groups, parts: Mapping[str, Places] | None) -> list[Leak]:
    """Suspect near-duplicates that a split puts on both sides.

    Args:
        name: the column.
        groups: each row's group of near-duplicates; -1 for rows that were not looked at.
        parts: the rows of each part; None if the table names no parts.
    """
    counts = Counter(groups[groups >= 0].tolist())
    twice = sum(count for count in counts.values() if count > 1)
    if parts is None:
        if twice < max(2, 0.01 * counts.total()):
            return []
        found = f"{twice:,} of {counts.total():,} rows have a near-duplicate"
        return [
            Leak(
                name,
                "duplicates",
                found,
                f"keep them together: group by near_duplicates(table, {name!r})",
            )
        ]
    leaks = []
    train = set(groups[parts["train"]].tolist()) - {-1} if "train" in parts else set()
    for part, rows in parts.items():
        shared = sum(int(group) in train for group in groups[rows])
        if part != "train" and shared >= max(1, 0.002 * len(rows)):
            found = f"{part} rows with a near-duplicate in train: {shared:,} of {len(rows):,}"
            leaks.append(Leak(name, "duplicates", found, "move them to train, or drop them"))
    return leaks
