"""What an aligned model makes of rows: one vector a cell, and which cells belong together.

Legend: rows = all rows seen; queries and items = the distinct cells of two columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int, Int64

from sensorium.core.errors import PartError, TableError
from sensorium.core.faults import RowId
from sensorium.metrics import Places, place
from sensorium.model import Model
from sensorium.preprocess import Shelf


@dataclass(frozen=True, eq=False)
class Space:
    """The vectors of the aligned columns.

    Attributes:
        vectors: of length 1, by column.
        present: which rows have the cell, by column.
        identity: equal where cells are the same, by column.
        rows: the rows' ids.
    """

    vectors: dict[str, Float32[np.ndarray, " rows width"]]
    present: dict[str, Bool[np.ndarray, " rows"]]
    identity: dict[str, Int64[np.ndarray, " rows"]]
    rows: tuple[RowId, ...]

    @classmethod
    def of(cls, model: Model, shelf: Shelf, rows_per_step: int = 256) -> "Space":
        """Embed every row of a shelf.

        Args:
            model: its task brings columns into one space.
            shelf: the rows, whose cells were identified.
            rows_per_step: rows that go through the model at once.

        Errors:
            PartError: the shelf was read without telling equal cells apart.
        """
        names = model.task.columns
        if lost := [name for name in names if name not in shelf.identity]:
            msg = f"the cells of {lost} were not told apart; read the rows with model.shelf(table)"
            raise PartError(msg)
        found: dict[str, list[Float32[np.ndarray, " some width"]]] = {name: [] for name in names}
        for start in range(0, len(shelf), rows_per_step):
            batch = shelf.batch(range(start, min(start + rows_per_step, len(shelf))))
            outputs = model.features(batch).outputs
            for name in names:
                found[name].append(outputs[name].float().cpu().numpy())
        empty = np.zeros((0, model.fusion.width), np.float32)
        return cls(
            vectors={name: np.concatenate([empty, *parts]) for name, parts in found.items()},
            present={name: shelf.present[name] for name in names},
            identity={name: shelf.identity[name] for name in names},
            rows=shelf.row_ids,
        )

    def search(self, query: str, item: str, most: int) -> "Search":
        """Let every distinct cell of one column look for its partners in another.

        Args:
            query: the column whose cells ask.
            item: the column whose cells are searched.
            most: so many cells of a column at most; of more, the first.

        Errors:
            TableError: no row has both.
        """
        both = np.flatnonzero(self.present[query] & self.present[item])
        if not len(both):
            msg = f"no row has both {query!r} and {item!r}, so nothing can be searched"
            raise TableError(msg)
        first_query, queries = _distinct(self.identity[query][both])
        first_item, items = _distinct(self.identity[item][both])
        over = np.flatnonzero((queries >= most) | (items >= most))
        seen = int(over[0]) if len(over) else len(both)  # so every query keeps a partner
        asking, found = int(queries[:seen].max()) + 1, int(items[:seen].max()) + 1
        relevant = np.zeros((asking, found), np.bool_)
        kept = (queries < asking) & (items < found)
        relevant[queries[kept], items[kept]] = True
        query_rows, item_rows = both[first_query[:asking]], both[first_item[:found]]
        return Search(
            query,
            item,
            query_rows,
            item_rows,
            self.vectors[query][query_rows],
            self.vectors[item][item_rows],
            relevant,
        )


def _distinct(
    identity: Int64[np.ndarray, " both"],
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " both"]]:
    """Give where each distinct cell first occurs, and number equal cells alike in that order."""
    _, first, inverse = np.unique(identity, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[inverse]


@dataclass(frozen=True, eq=False)
class Search:
    """Every distinct cell of one column looks for its partners in another.

    Attributes:
        query, item: the columns.
        query_rows, item_rows: the first row of each distinct cell.
        asked, found: their vectors.
        relevant: which items belong to which queries.
    """

    query: str
    item: str
    query_rows: Int[np.ndarray, " queries"]
    item_rows: Int[np.ndarray, " items"]
    asked: Float32[np.ndarray, " queries width"]
    found: Float32[np.ndarray, " items width"]
    relevant: Bool[np.ndarray, " queries items"]

    @property
    def name(self) -> str:
        """Name the direction."""
        return f"{self.query} → {self.item}"

    def similarity(self) -> Float32[np.ndarray, " queries items"]:
        """Compare every query with every item by their cosine."""
        near = torch.from_numpy(self.asked) @ torch.from_numpy(self.found).T
        return np.asarray(near.numpy())

    def places(self) -> Places:
        """Find where the partners stand."""
        return place(self.similarity(), self.relevant)

    def groups(self) -> Int[np.ndarray, " queries"]:
        """Label queries of one partner alike: they are not independent of each other."""
        return np.asarray(self.relevant.argmax(1))


def searches(space: Space, pairs: Sequence[tuple[str, str]], most: int) -> list[Search]:
    """Search each pair of columns in both directions; pairs that no row has are left out."""
    found = []
    for left, right in pairs:
        if (space.present[left] & space.present[right]).any():
            found += [space.search(left, right, most), space.search(right, left, most)]
    return found
