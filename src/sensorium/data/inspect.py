"""``inspect``: look a table over before anything is learned from it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.schema import Category, Field, Flag, Number
from sensorium.core.seed import numpy_generator
from sensorium.data import duplicates, leaks, split
from sensorium.data.examine import examine
from sensorium.data.infer import Finding, Inference, infer
from sensorium.data.inspection import Inspection
from sensorium.data.leaks import Leak
from sensorium.data.read import read
from sensorium.data.sample import is_missing
from sensorium.data.table import Table, located

_MOST_TEXTS = 20_000
_HASH_SECONDS = 15.0


def inspect(
    source: Any,
    targets: Sequence[str] = (),
    *,
    inputs: Sequence[str] | None = None,
    kinds: Mapping[str, str | Field] | None = None,
    group: str | None = None,
    thorough: bool = False,
) -> Inspection:
    """Look a table over.

    Every cell is checked: media by their headers, the rest by parsing; 200 files of each media
    column (all of them, if ``thorough``) are decoded whole.

    Args:
        source: a table, or whatever ``read`` takes.
        targets: the columns to learn; leaks are suspected with regard to them.
        inputs: the columns to learn from; None takes all that are of use.
        kinds: kinds that are known, by column.
        group: the column whose equal values belong together.
        thorough: decode every picture, sound and signal whole.

    Errors:
        TableError: the table cannot be read at all.
        SchemaError: unknown columns or kinds.
    """
    table = source if isinstance(source, Table) else read(source)
    targets = [targets] if isinstance(targets, str) else list(targets)
    found = infer(table, targets, inputs, kinds, group)
    examined = {
        name: examine(table, name, finding.field, thorough=thorough)
        for name, finding in found.findings.items()
        if finding.field is not None
    }
    suspected = _suspected(table, found, targets, thorough=thorough)
    return Inspection(len(table), found.findings, examined, found.schema, found.split, suspected)


def _suspected(
    table: Table, found: Inference, targets: Sequence[str], *, thorough: bool
) -> tuple[Leak, ...]:
    bare = table.with_schema(None)
    suspected = []
    for name, finding in found.findings.items():
        if name in targets or finding.role in ("split", "group") or finding.field is None:
            continue
        if finding.kind in ("series", "vector"):
            continue
        cells = bare.cells(name)
        for target in targets:
            goal = found.findings[target].field
            about = _towards(name, finding, cells, goal, bare.cells(target))
            if finding.role == "left out":
                about = [replace(leak, advice="it is left out; keep it so") for leak in about]
            suspected += about
    return (*suspected, *_duplicated(table, found, thorough=thorough))


def _towards(
    name: str, finding: Finding, cells: Sequence[Any], goal: Field | None, truth: Sequence[Any]
) -> list[Leak]:
    """Suspect one column with regard to one target."""
    if isinstance(goal, Number):
        return leaks.of_rank(name, cells, truth)
    if not isinstance(goal, Category | Flag) or (isinstance(goal, Category) and goal.many):
        return []
    if finding.kind in ("image", "audio"):
        return leaks.of_names(name, cells, truth, file_name=True)
    if finding.kind == "text" or (finding.kind == "category" and finding.role == "left out"):
        return leaks.of_names(name, cells, truth) + leaks.of_value(name, cells, truth)
    if finding.kind in ("number", "date"):
        return leaks.of_order(name, cells, truth)
    return leaks.of_value(name, cells, truth)


def _duplicated(table: Table, found: Inference, *, thorough: bool) -> list[Leak]:
    parts = None
    if found.split is not None:
        parts = split.by_names(table.cells(found.split), found.split)
    suspected = []
    for name, finding in found.findings.items():
        if finding.role != "input" or finding.kind not in ("text", "image"):
            continue
        groups = _texts(table, name) if finding.kind == "text" else None
        if finding.kind == "image":
            groups = _pictures(table, name, np.inf if thorough else _HASH_SECONDS)
        if groups is not None:
            suspected += leaks.of_duplicates(name, groups, parts)
    return suspected


def _texts(table: Table, name: str) -> NDArray[np.int64] | None:
    """Group texts; None for a column in which texts recur by nature, such as questions."""
    places = np.linspace(0, len(table) - 1, min(len(table), _MOST_TEXTS)).round().astype(np.int64)
    groups = duplicates.of_texts(table.take(places).cells(name))
    if len(set(groups.tolist())) < 0.7 * len(groups):
        return None
    whole = np.full(len(table), -1, dtype=np.int64)
    whole[places] = places[groups]
    return whole


def _pictures(table: Table, name: str, seconds: float) -> NDArray[np.int64]:
    """Group pictures, as many as can be looked at in so many seconds."""
    stop = time.monotonic() + seconds
    thumbnails: list[NDArray[np.float32] | None] = []
    looked = []
    for place in numpy_generator(0, "look").permutation(len(table)).tolist():
        if time.monotonic() > stop:
            break
        cell = table.take([place]).cells(name)[0]
        looked.append(place)
        missing = is_missing(cell)
        thumbnails.append(None if missing else duplicates.thumbnail(located(cell, table.folder)))
    whole = np.full(len(table), -1, dtype=np.int64)
    places = np.array(looked, dtype=np.int64)
    whole[places] = places[duplicates.of_thumbnails(thumbnails)]
    return whole
