"""Rows and queries to vectors, by the model of an index."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from sensorium.core.errors import PartError, TableError, all_at_once, nearest
from sensorium.core.faults import Ledger
from sensorium.model import Model
from sensorium.preprocess import Shelf

Matrix = Float32[np.ndarray, " _ width"]

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
    names = model.names if column is None else (column,)
    there = np.flatnonzero(np.any([shelf.present[name] for name in names], axis=0))
    found = [np.zeros((0, model.fusion.width), np.float32)]
    for start in range(0, len(there), STEP):
        fused = model.features(shelf.batch(there[start : start + STEP])).fused
        vectors = fused.pooled if column is None else fused.parts[column]
        found.append(vectors.float().cpu().numpy())
    return there, np.concatenate(found)


def embedded_query(model: Model, column: str | None, cells: Mapping[str, Any]) -> Matrix:
    """Embed one query.

    Errors:
        PartError: it asks by a column whose vectors are not in the index.
        TableError: a damaged cell, or none at all.
    """
    names = model.names if column is None else (column,)
    wrong = [f"{name!r}{nearest(name, names)}" for name in cells if name not in names]
    if wrong:
        what = "all inputs of its model" if column is None else repr(column)
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
    return model.embed(dict(cells), column=column).astype(np.float32)
