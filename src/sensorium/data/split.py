"""Splits: which rows go to which part. Works on row places; knows nothing of what cells mean.

Sizes are exact: 10 rows by 0.8, 0.1, 0.1 are 8, 1 and 1. What must stay together (a group) stays
together, and then sizes are as near as groups allow.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64

from sensorium.core.counted import counted
from sensorium.core.errors import TableError, all_at_once
from sensorium.core.seed import numpy_generator
from sensorium.data.column import Places
from sensorium.data.moments import moments

PARTS: dict[str, tuple[str, ...]] = {
    "train": ("train", "training", "tr", "fit"),
    "valid": ("valid", "validation", "val", "dev", "development", "eval"),
    "test": ("test", "testing", "te", "heldout", "held-out", "held_out"),
}
"""What a split column may call the parts."""

COLUMNS = ("split", "subset", "partition", "set", "part")
"""Columns of these names name the parts themselves, if they hold words like train and test."""

KNOWN: dict[str, str] = {word: part for part, words in PARTS.items() for word in words}
"""The part that a word means."""


@runtime_checkable
class Cells(Protocol):
    """What a split needs of a table."""

    def __len__(self) -> int: ...

    def cells(self, name: str) -> list[Any]:
        """Give the cells of a column."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How to split: a seed, columns by their role, and the ``strptime`` form of the times."""

    seed: int = 0
    by: str | None = None
    group: str | None = None
    stratify: str | None = None
    time: str | None = None
    form: str | None = None

    def check(self, shares: Sequence[float]) -> None:
        """Raise one TableError that names everything that does not fit together."""
        faults = []
        if self.by is not None and (shares or self.group or self.stratify or self.time):
            faults.append("by= names the parts itself: leave shares, group, stratify and time out")
        if self.by is None:
            faults += _share_faults(shares)
        if self.time is not None and (self.group or self.stratify):
            faults.append("time= orders the rows: it cannot also keep groups or proportions")
        if faults:
            raise TableError(all_at_once("The table cannot be split so:", faults))


def _share_faults(shares: Sequence[float]) -> list[str]:
    if len(shares) < 2:
        return [f"give two or more shares, such as 0.8, 0.1, 0.1; found {list(shares)}"]
    low = [f"every share must be above 0, found {share}" for share in shares if not share > 0]
    total = sum(shares)
    if not low and abs(total - 1) > 1e-6:
        return [f"the shares must add up to 1; {' + '.join(map(str, shares))} = {total:g}"]
    return low


def is_lost(cell: Any) -> bool:
    """Tell whether a cell is missing: None, or a NaN of any type (it differs from itself)."""
    return cell is None or bool(cell != cell)  # noqa: PLR0124


def parts(table: Cells, shares: Sequence[float], ways: Ways) -> list[Places]:
    """Split a table's rows; see ``Table.split`` for the ways."""
    ways.check(shares)
    if ways.by is not None:
        return list(by_names(table.cells(ways.by), ways.by).values())
    labels = None if ways.stratify is None else strata(table.cells(ways.stratify))
    if ways.time is not None:
        times = moments(table.cells(ways.time), ways.time, ways.form)
        return by_time(times, shares, ways.time)
    if ways.group is not None:
        return by_groups(table.cells(ways.group), shares, ways.seed, labels)
    if labels is not None:
        return stratified(labels, shares, ways.seed)
    return at_random(len(table), shares, ways.seed)


def sizes(count: int, shares: Sequence[float]) -> list[int]:
    """Share ``count`` rows out exactly, by the largest remainder.

    Errors:
        TableError: a part would be empty.
    """
    ideal = np.asarray(shares) / sum(shares) * count
    found = np.floor(ideal + 1e-9).astype(int)
    for place in np.argsort(found - ideal, kind="stable")[: count - found.sum()]:
        found[place] += 1
    if (found == 0).any():
        asked = ", ".join(f"{share:g}" for share in shares)
        msg = (
            f"{counted(count, 'row')} cannot be split into the shares {asked}: a part would be "
            f"empty; give at least {int(np.ceil(1 / min(shares)))} rows or more even shares"
        )
        raise TableError(msg)
    return [int(size) for size in found]


def _cut(order: Places, shares: Sequence[float]) -> list[Places]:
    return np.split(order, np.cumsum(sizes(len(order), shares))[:-1])


def at_random(count: int, shares: Sequence[float], seed: int) -> list[Places]:
    """Split at random; the rows of a part keep the table's order."""
    order = numpy_generator(seed, "split").permutation(count)
    return [np.sort(part) for part in _cut(order, shares)]


def by_time(times: Sequence[Any], shares: Sequence[float], name: str = "time") -> list[Places]:
    """Split in order of time, the earliest rows first.

    Errors:
        TableError: times are missing or cannot be compared.
    """
    if lost := [row for row, time in enumerate(times) if is_lost(time)]:
        msg = (
            f"column {name!r} has no time in {counted(len(lost), 'row')}, the first is row "
            f"{lost[0]}"
        )
        raise TableError(msg)
    try:
        order = sorted(range(len(times)), key=times.__getitem__)
    except TypeError as error:
        msg = f"the times of column {name!r} cannot be put in order: {error}"
        raise TableError(msg) from error
    return _cut(np.asarray(order, dtype=np.int64), shares)


def by_names(names: Sequence[Any], column: str = "split") -> dict[str, Places]:
    """Split by a column that names the parts, in the order train, valid, test.

    Errors:
        TableError: a name that is none of these, or no training rows.
    """
    found: dict[str, list[int]] = defaultdict(list)
    odd: Counter[str] = Counter()
    for row, name in enumerate(names):
        part = KNOWN.get(str(name).strip().lower())
        if part is None:
            odd[str(name)] += 1
        else:
            found[part].append(row)
    if odd:
        lines = [f"{name!r} in {counted(count, 'row')}" for name, count in odd.most_common(5)]
        title = f"column {column!r} names parts that are not train, valid (val, dev) or test:"
        raise TableError(all_at_once(title, lines))
    return {part: np.asarray(found[part], dtype=np.int64) for part in PARTS if part in found}


def strata(cells: Sequence[Any], bins: int = 10) -> list[Hashable]:
    """Turn cells into labels for a stratified split: many different numbers become bins.

    Bins hold about equally many rows. Missing cells are a label of their own.
    """
    labels = [str(cell) if isinstance(cell, list | dict) else cell for cell in cells]
    numbers = [cell for cell in labels if isinstance(cell, int | float) and not is_lost(cell)]
    if len(set(numbers)) <= 2 * bins:
        return [None if is_lost(label) else label for label in labels]
    edges = np.quantile(numbers, np.linspace(0, 1, bins + 1)[1:-1])
    return [
        int(np.searchsorted(edges, label, side="right"))
        if isinstance(label, int | float) and not is_lost(label)
        else None
        for label in labels
    ]


def stratified(labels: Sequence[Hashable], shares: Sequence[float], seed: int) -> list[Places]:
    """Split so that every label keeps its proportion, and all sizes are exact.

    The first part gets a row of every label before the rest is dealt out: a label with one row is
    a label to train on.
    """
    quota = sizes(len(labels), shares)
    rows: dict[Hashable, list[int]] = defaultdict(list)
    for row in numpy_generator(seed, "split").permutation(len(labels)).tolist():
        rows[labels[row]].append(row)
    rarest = sorted(rows.values(), key=len)[: quota[0]]
    firsts = [of.pop() for of in rarest]
    rest = [row for of in rows.values() for row in of]
    quota[0] -= len(firsts)
    ticks = np.concatenate([(np.arange(size) + 0.5) / max(size, 1) for size in quota])
    part_of = np.repeat(np.arange(len(quota)), quota)[np.argsort(ticks, kind="stable")]
    dealt = np.asarray(rest, dtype=np.int64)
    found = [dealt[part_of == part] for part in range(len(quota))]
    found[0] = np.concatenate([found[0], np.asarray(firsts, dtype=np.int64)])
    return [np.sort(part) for part in found]


def by_groups(
    groups: Sequence[Hashable],
    shares: Sequence[float],
    seed: int,
    labels: Sequence[Hashable] | None = None,
) -> list[Places]:
    """Split so that no group is split apart; labels, if given, stay about in proportion.

    Groups are dealt out from the largest to the smallest, each to the part that then lacks most.
    A row without a group is a group of its own.

    Errors:
        TableError: fewer groups than parts.
    """
    members: dict[Hashable, list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        alone = is_lost(group)
        members[("row", row) if alone else ("group", group)].append(row)
    if len(members) < len(shares):
        msg = (
            f"{counted(len(members), 'group')} cannot be split into {len(shares)} parts; groups "
            "stay whole"
        )
        raise TableError(msg)
    names = sorted(set(labels), key=repr) if labels is not None else [None]
    number = {name: place for place, name in enumerate(names)}
    counts = np.zeros((len(members), len(names)))
    for place, rows in enumerate(members.values()):
        for row in rows:
            counts[place, number[labels[row]] if labels is not None else 0] += 1
    part_of = _deal(counts, np.asarray(shares), numpy_generator(seed, "split"))
    found: list[list[int]] = [[] for _ in shares]
    for part, rows in zip(part_of, members.values(), strict=True):
        found[part].extend(rows)
    return [np.sort(np.asarray(part, dtype=np.int64)) for part in found]


def _deal(
    counts: Float64[np.ndarray, "groups labels"],
    shares: Float64[np.ndarray, " parts"],
    random: np.random.Generator,
) -> list[int]:
    """Deal groups (rows of ``counts``, by label) out to parts."""
    wanted = counts.sum(0) * shares[:, None]
    scale = 1 / np.maximum(counts.sum(0), 1) ** 2
    order = random.permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(1), kind="stable")]
    given = np.zeros_like(wanted)
    part_of = [0] * len(counts)
    for done, group in enumerate(order):
        empty = given.sum(1) == 0
        lack = ((wanted - given) * counts[group] * scale).sum(1)
        if empty.sum() >= len(counts) - done:
            lack[~empty] = -np.inf
        part = int(lack.argmax())
        given[part] += counts[group]
        part_of[group] = part
    return part_of
