"""Rows and queries to vectors, by the model of an index."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int64

from sensorium.core.batch import Features
from sensorium.core.errors import PartError, TableError, all_at_once, nearest
from sensorium.core.faults import Ledger
from sensorium.model import Model, Row
from sensorium.preprocess import Shelf
from sensorium.search.glance import Matrix

STEP = 256
"""Rows embedded at once."""


def embedded(
    model: Model, column: str | None, shelf: Shelf
) -> tuple[Int64[np.ndarray, " _"], Matrix]:
    """Embed the rows that have what is embedded.

    Args:
        model: embeds them.
        column: whose vectors are wanted; None takes the fused vector.
        shelf: the rows.

    Returns:
        Their places on the shelf, and their vectors.
    """
    names = _embedding(model, column) if column is None else (column,)
    there = np.flatnonzero(np.any([shelf.present[name] for name in names], axis=0))
    found = [np.zeros((0, model.fusion.width), np.float32)]
    for start in range(0, len(there), STEP):
        features = model.features(shelf.batch(there[start : start + STEP]))
        found.append(_vectors(model, features, column, names))
    return there, np.concatenate(found)


def _embedding(model: Model, column: str | None) -> tuple[str, ...]:
    """Name the columns by which an index of this column can be asked."""
    shared = model.task.columns
    if column is None:
        return shared or model.names
    return shared if column in shared else (column,)


def _vectors(model: Model, features: Features, column: str | None, names: Sequence[str]) -> Matrix:
    """Give a vector a row; of columns in one space, the average of those that the row has."""
    if names and set(names) <= set(model.task.columns):
        there = torch.stack([features.fused.present[name] for name in names], 1)
        outputs = torch.stack([features.outputs[name] for name in names], 1)
        vectors = (outputs * there.unsqueeze(-1)).sum(1)
    else:
        vectors = features.fused.pooled if column is None else features.fused.parts[column]
    return np.asarray(vectors.float().cpu().numpy())


def embedded_rows(
    model: Model, column: str | None, rows: Sequence[Row]
) -> tuple[Bool[np.ndarray, " rows"], Matrix]:
    """Embed rows one by one as ``embedded`` does those of a shelf; none is left out.

    Returns:
        Which rows have what is embedded, and a vector a row.

    Errors:
        TableError: a damaged cell, where the model's policy is ``"error"``.
    """
    names = _embedding(model, column) if column is None else (column,)
    ledger = Ledger()
    clean = [model.prep.read(row, number, ledger) for number, row in enumerate(rows)]
    model.prep.refuse(list(ledger))
    features = model.features(model.prep.collate(clean, range(len(rows))))
    there = torch.stack([features.fused.present[name] for name in names]).any(0)
    return there.cpu().numpy(), _vectors(model, features, column, names)


def embedded_query(model: Model, column: str | None, cells: Mapping[str, Any]) -> Matrix:
    """Embed one query: by the column of the index, or by any that shares a space with it.

    Errors:
        PartError: it asks by a column whose vectors are not in the index.
        TableError: a damaged cell, or none at all.
    """
    names = _embedding(model, column)
    wrong = [f"{name!r}{nearest(name, names)}" for name in cells if name not in names]
    if wrong:
        what = "all inputs of its model" if column is None else " and ".join(map(repr, names))
        title = f"This index holds vectors of {what}; it cannot be asked by:"
        raise PartError(all_at_once(title, wrong))
    ledger = Ledger()
    clean = model.prep.read({name: cells.get(name) for name in model.names}, 0, ledger)
    faults = [fault for fault in ledger if fault.column in cells]
    if faults:
        lines = [f"{fault.column}: {fault.found}" for fault in faults]
        raise TableError(all_at_once("The query cannot be read:", lines), faults)
    if all(clean.get(name) is None for name in cells):
        msg = f"the query has no cell: {', '.join(map(repr, cells))} is missing"
        raise TableError(msg)
    batch = model.prep.collate([{**dict.fromkeys(model.names), **_given(clean, cells)}], [0])
    return _vectors(model, model.features(batch), column, tuple(cells))


def _given(clean: Mapping[str, Any], cells: Mapping[str, Any]) -> dict[str, Any]:
    return {name: clean[name] for name in cells}
