"""LanceDB's graph over coded vectors (IVF_HNSW_SQ), for tables of very many rows.

A graph of near neighbours (HNSW, Malkov and Yashunin 2018) over vectors in 8 bits; the best of what
it finds are compared again in 32 bits. What it finds is measured against every vector. Rows that
came after it was made are compared one by one; LanceDB sees to that.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Int64

from sensorium.search.glance import Matrix
from sensorium.search.lance_tables import lancedb, vectors_in
from sensorium.search.vectors import unit

NAME = "near"
LINKS, CARE = 16, 100
"""Links of a row in the graph, and rows looked at to choose them: a third of LanceDB's own care,
and of the time."""
HELD = 256
"""So many queries measure what is found."""
MIXED = 3
"""They are the means of so many rows, see ``inverted.MIXED``."""
TOP = 10
"""Recall is measured among so many nearest."""
ENOUGH = 0.98
"""Until these queries find such a share, more is looked at."""
DEPTHS = (100, 200, 400, 800, 1_600)
"""So many rows are visited in a graph."""
AGAIN = 10
"""So many times the rows wanted are compared again in 32 bits."""
PROBES = 20
"""Above a million rows there are several graphs; so many are looked into."""


@dataclass(frozen=True)
class Look:
    """How far a query looks.

    Attributes:
        depth: at so many rows of a graph.
        recall: the share of the ten nearest that was found so.
    """

    depth: int
    recall: float = 0.0


def lacking(table: Any) -> int:
    """Count the rows that are not in the graph yet; all where there is none."""
    about = table.index_stats(NAME)
    return int(table.count_rows() if about is None else about.num_unindexed_rows)


def make(table: Any) -> None:
    """Make the graph, or make it anew, as one change of the table."""
    how = lancedb().index.HnswSq(distance_type="cosine", m=LINKS, ef_construction=CARE)
    table.create_index("vector", config=how, name=NAME, replace=True)


def candidates(
    table: Any, query: Float32[np.ndarray, " width"], top: int, look: Look
) -> tuple[Int64[np.ndarray, " _"], Matrix]:
    """Give the ids and the vectors of rows near a query, in no order."""
    asking = table.search(query, vector_column_name="vector").distance_type("cosine")
    asking = asking.nprobes(PROBES).ef(max(look.depth, AGAIN * top)).refine_factor(AGAIN)
    found: pa.Table = asking.limit(top).select(["id", "vector", "_distance"]).to_arrow()
    parts = [vectors_in(batch, len(query)) for batch in found.to_batches()]
    ids = [np.zeros(0, np.int64), *(some for some, _ in parts)]
    vectors = [np.zeros((0, len(query)), np.float32), *(some for _, some in parts)]
    return np.concatenate(ids), np.concatenate(vectors)


def mixed(vectors: Matrix) -> Matrix:
    """Make queries of rows: rarely is a query a row's twin."""
    return unit(np.sum([np.roll(vectors, number, axis=0) for number in range(MIXED)], 0))


def measured(table: Any, queries: Matrix, truth: Int64[np.ndarray, " queries top"]) -> Look:
    """Look farther until enough of the truly nearest rows is found."""
    look = Look(DEPTHS[0])
    for depth in DEPTHS:
        look, top = Look(depth), truth.shape[1]
        found = [candidates(table, query, top, look)[0] for query in queries]
        shares = [len(np.intersect1d(a, b)) / top for a, b in zip(truth, found, strict=True)]
        look = Look(depth, float(np.mean(shares)))
        if look.recall >= ENOUGH:
            break
    return look
