"""``inspect``: look a table over before anything is learned from it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from sensorium.core.schema import Category, Field, Flag, Number
from sensorium.core.seed import numpy_generator
from sensorium.data import leaks, near, split
from sensorium.data.duplicates import Groups
from sensorium.data.examine import examine
from sensorium.data.infer import Finding, Inference, infer
from sensorium.data.inspection import Inspection
from sensorium.data.leaks import Leak
from sensorium.data.read import read
from sensorium.data.table import Table

_MOST_ROWS = 20_000
_LOOK_SECONDS = 15.0
_PEEK = 64


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
    places = np.sort(numpy_generator(0, "leaks").permutation(len(table))[:_MOST_ROWS])
    rows = table.with_schema(None).take(places)
    suspected = []
    for name, finding in found.findings.items():
        if name in targets or finding.role in ("split", "group") or not _is_light(rows, name):
            continue
        cells = rows.cells(name)
        for target in targets:
            goal = found.findings[target].field
            about = _towards(name, finding, cells, goal, rows.cells(target))
            if finding.role == "left out":
                about = [replace(leak, advice="it is left out; keep it so") for leak in about]
            suspected += about
    return (*suspected, *_duplicated(table, found, thorough=thorough))


def _is_light(rows: Table, name: str) -> bool:
    """Tell whether a column's cells are words, numbers or dates: no bytes, lists or arrays."""
    cells = rows.slice(0, _PEEK).cells(name)
    return all(isinstance(cell, str | int | float | date | None) for cell in cells)


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
        if finding.role == "input" and finding.kind in ("text", "image"):
            groups = near.of_column(table, name, np.inf if thorough else _LOOK_SECONDS)
            if finding.kind == "image" or not _recur(groups):
                suspected += leaks.of_duplicates(name, groups, parts)
    return suspected


def _recur(groups: Groups) -> bool:
    """Tell whether texts recur by nature, as questions do."""
    looked = groups[groups >= 0]
    return len(np.unique(looked)) < 0.7 * len(looked)
