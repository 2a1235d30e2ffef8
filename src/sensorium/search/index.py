"""The index: rows, their vectors and their words, by the model that embeds them."""

import tempfile
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from sensorium.core.counted import counted
from sensorium.core.errors import ArtifactError, PartError, TableError, all_at_once, nearest
from sensorium.core.faults import Ledger
from sensorium.data.read import read
from sensorium.model import Model, load
from sensorium.search.embed import STEP, embedded, embedded_query
from sensorium.search.glance import Matrix
from sensorium.search.hits import Hit, Pair, by_rank, joined
from sensorium.search.keys import cells_of, check_names, keys_of, words_of
from sensorium.search.lance_store import LanceStore
from sensorium.search.sheet import sheet
from sensorium.search.storage import Storage
from sensorium.search.store import Ids, Store, placed

STORES: dict[str, type[Store]] = {"sqlite": Storage, "lancedb": LanceStore}
DEEP = 10
"""Of each way to rank, so many times more rows are joined than are wanted."""


class Index:
    """Rows that can be searched by what they are like, by their words, and by conditions.

    Made by ``Index.of``, opened again by ``Index.open``.

    Attributes:
        folder: where it lies: a folder, or a URI as text.
        column: the column whose vectors it holds; None for the fused vector of all columns.
        key: the column that names the rows; None for their numbers.
    """

    def __init__(self, store: Store, model: Model | None = None) -> None:
        self.folder = store.place
        self._store = store
        self.column: str | None = store.facts["column"]
        self.key: str | None = store.facts["key"]
        self._model = model
        if model is not None:
            self._check_model()

    @classmethod
    def of(  # noqa: PLR0913
        cls,
        model: Model,
        table: Any,
        *,
        column: str | None = None,
        key: str | None = None,
        out: str | Path | None = None,
        store: str = "sqlite",
        approximate: bool | None = None,
        ledger: Ledger | None = None,
        on_row: Callable[[int], None] | None = None,
    ) -> "Index":
        """Embed the rows of a table and keep them.

        Args:
            model: embeds the rows; a copy of it lies in the index.
            table: the rows: a ``Table``, or whatever ``read`` takes. All of its columns are kept,
                for conditions and to be shown.
            column: whose vectors to keep, such as ``"photo"``; None takes the fused vector.
            key: a column that names each row; None takes the rows' numbers.
            out: a new folder; None keeps the index only as long as the object lives. For
                ``store="lancedb"`` it may be a URI, such as ``"s3://bucket/index"``.
            store: ``"sqlite"`` keeps all in one folder; ``"lancedb"`` keeps it in LanceDB's
                tables, for collections beyond one machine.
            approximate: look at the vectors most likely to be near instead of at all, see
                ``recall``; None does so from 100,000 rows on, where faiss is installed.
            ledger: receives every damaged cell.
            on_row: called with the number of rows read so far.

        Errors:
            PartError: the model has no such input; no such store.
            TableError: a key that is missing or twice; damaged cells under the policy ``"error"``.
            ArtifactError: the folder is taken.
            ExtraError: ``approximate=True`` without faiss, ``store="lancedb"`` without lancedb.
        """
        if store not in STORES:
            msg = f"there is no store {store!r}{nearest(store, STORES)}"
            raise PartError(msg)
        if column is not None and column not in model.names:
            msg = f"the model has no input {column!r}{nearest(column, model.names)}"
            raise PartError(msg)
        table = read(table)
        check_names(table.columns, key)
        place = placed(tempfile.mkdtemp(prefix="sensorium-") if out is None else out)
        facts = {"column": column, "key": key, "model": model.fingerprint,
                 "approximate": approximate}  # fmt: skip
        kept = STORES[store].create(place, table.columns, model.fusion.width, facts)
        try:
            kept.keep_model(model.save)
            index = cls(kept, model)
            index.add(table, ledger=ledger, on_row=on_row)
            kept.finish()
        except BaseException:
            kept.remove()
            raise
        if out is None:
            weakref.finalize(index, kept.remove)
        return index

    @classmethod
    def open(cls, folder: str | Path, *, model: Model | None = None) -> "Index":
        """Open an index.

        Args:
            folder: what ``Index.of`` wrote, or the URI of it.
            model: the model that made it, where it is in memory already; None loads the copy in
                the folder when a query needs it.

        Errors:
            ArtifactError: no index, or made by another model or another version.
            ExtraError: it lies in LanceDB, which is not installed.
        """
        place = placed(folder)
        for kind in STORES.values():
            if kind.lies_at(place):
                return cls(kind.open(place), model)
        msg = f"{place} is no index, or one that was not finished; make one with `sensorium index`"
        raise ArtifactError(msg)

    def __len__(self) -> int:
        return len(self._store)

    def __repr__(self) -> str:
        what = "all columns" if self.column is None else repr(self.column)
        return f"<Index of {counted(len(self), 'row')} by {what}: {self.folder}>"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns whose cells are kept."""
        return self._store.columns

    @property
    def recall(self) -> float | None:
        """What share of the ten nearest rows is found, as measured by rows held out of the lists.

        None where every vector is compared, and so all of them are found.
        """
        return self._store.recall

    @cached_property
    def model(self) -> Model:
        """The model that embeds rows and queries."""
        return self._model or load(self._store.model_folder())

    # --- changing ---------------------------------------------------------------------------------

    def add(
        self,
        table: Any,
        *,
        ledger: Ledger | None = None,
        on_row: Callable[[int], None] | None = None,
    ) -> None:
        """Add rows; all of them or, if anything goes wrong, none.

        A row without the cell that is embedded is kept: words find it.

        Errors:
            TableError: keys that are there already, missing or twice; columns that are not there.
        """
        self._write(table, ledger, on_row, replace=False)

    def update(
        self,
        table: Any,
        *,
        ledger: Ledger | None = None,
        on_row: Callable[[int], None] | None = None,
    ) -> None:
        """Put rows in the place of those that have the same keys, and add the others.

        Errors:
            TableError: an index without a key column; keys that are missing or twice.
        """
        if self.key is None:
            msg = "the rows of this index have numbers, no keys; make it with key= to update rows"
            raise TableError(msg)
        self._write(table, ledger, on_row, replace=True)

    def delete(self, keys: Iterable[str] = (), *, where: str | None = None) -> int:
        """Take rows out, by their keys, or all for which a condition holds; give how many.

        Errors:
            TableError: keys that are not there (then none is deleted), or a faulty condition.
        """
        names = [keys] if isinstance(keys, str) else list(map(str, keys))
        return self._store.drop(names, where)

    def _write(
        self,
        table: Any,
        ledger: Ledger | None,
        on_row: Callable[[int], None] | None,
        *,
        replace: bool,
    ) -> None:
        table = read(table)
        lacking = [f"{name!r}" for name in self.columns if name not in table.columns]
        if lacking:
            raise TableError(all_at_once("The table lacks columns of the index:", lacking))
        keys = None if self.key is None else keys_of(table, self.key)
        if keys is not None and not replace:
            self._store.refuse_known(keys)
        self._check_model()
        table = table.with_schema(self.model.schema, partial=True)
        shelf = self.model.shelf(table, ledger, on_row=on_row)
        there, vectors = embedded(self.model, self.column, shelf)
        columns = [cells_of(self.model.prep, table, name) for name in self.columns]
        rows = [
            (cells, words_of(self.model.schema, self.columns, cells))
            for cells in zip(*columns, strict=True)
        ]
        numbers = shelf.kept[there].tolist()
        _refuse_endless(numbers, vectors)
        self._store.put(keys, rows, dict(zip(numbers, vectors, strict=True)), replace=replace)

    def _check_model(self) -> None:
        if self.model.fingerprint != self._store.facts["model"]:
            msg = f"{self.folder} was made by another model; search it with its own (model=None)"
            raise ArtifactError(msg)

    # --- searching --------------------------------------------------------------------------------

    def search(
        self,
        query: Mapping[str, Any] | None = None,
        *,
        words: str | None = None,
        where: str | None = None,
        top: int = 10,
        **columns: Any,
    ) -> list[Hit]:
        """Find rows, the best first.

        Args:
            query: cells of a row that those found should be like, by column; several together
                are one query.
            words: rows whose texts hold some of them rank higher. With a query, both rankings
                are joined; alone, only rows that hold some are found.
            where: a condition on the cells, such as ``price < 50 AND shop = 'north'`` (SQL);
                alone, the rows that meet it in the order in which they were added.
            top: how many.
            columns: the query as keywords: ``search(caption="a dog", top=5)``.

        Errors:
            PartError: nothing to search for; a column that is not in the model or in the index.
            TableError: a cell of the query is damaged; a condition that cannot be used.
        """
        cells = {**(query or {}), **columns}
        _check_top(top)
        if not cells and not words and where is None:
            msg = (
                "nothing to search for: give cells of a row to be like (photo=...), words, or "
                "a condition (where=...)"
            )
            raise PartError(msg)
        allowed = None if where is None else self._store.where(where)
        found: list[dict[int, float]] = []
        if allowed is not None and not cells and not words:
            found.append(dict.fromkeys(allowed[:top].tolist(), 0.0))
        if cells:
            vector = embedded_query(self.model, self.column, cells)
            near, similar = self._store.nearest(vector, top * DEEP if words else top, allowed)
            found.append(dict(zip(near[0].tolist(), similar[0].tolist(), strict=True)))
        if words:
            found.append(self._speaking(words, top * DEEP, allowed))
        scores = found[0] if len(found) == 1 else joined([list(one) for one in found])
        ids = list(scores)[:top]
        rows = self._store.rows(ids)
        return [Hit(key, scores[one], row) for one, (key, row) in rows.items()]

    def nearest(
        self, vectors: Matrix, *, top: int = 10, where: str | None = None
    ) -> tuple[list[list[str]], Float32[np.ndarray, " queries found"]]:
        """Find the rows nearest to vectors that are at hand: their keys and similarities.

        Errors:
            PartError: vectors of another width, or with numbers that are not finite; top below 1.
            TableError: a condition that cannot be used.
        """
        _check_top(top)
        if vectors.ndim != 2 or vectors.shape[1] != self._store.facts["width"]:
            width = self._store.facts["width"]
            msg = (
                f"the index holds vectors of {counted(width, 'number')}, the query has "
                f"{vectors.shape}"
            )
            raise PartError(msg)
        _refuse_endless_queries(vectors)
        allowed = None if where is None else self._store.where(where)
        ids, similar = self._store.nearest(vectors, top, allowed)
        rows = self._store.rows(np.unique(ids).tolist())
        return [[rows[one][0] for one in row] for row in ids.tolist()], similar

    def near_duplicates(self, least: float = 0.98, *, where: str | None = None) -> list[Pair]:
        """Find pairs of rows whose vectors are nearly the same, the nearest first.

        Args:
            least: the least similarity, a cosine: from -1 to 1.
            where: compare only rows for which a condition holds.

        Errors:
            PartError: a similarity that no pair can have.
            TableError: a condition that cannot be used.
        """
        _check_similarity(least)
        ids, matrix = self._store.vectors(None if where is None else self._store.where(where))
        found = []
        for start in range(0, len(ids), STEP):
            similar = matrix[start : start + STEP] @ matrix[start:].T
            for down, across in np.argwhere(np.triu(similar >= least, 1)).tolist():
                found.append((float(similar[down, across]), start + down, start + across))
        found.sort(key=lambda pair: (-pair[0], pair[1:]))
        rows = self._store.rows(ids[[n for _, *pair in found for n in pair]].tolist())
        named = [(rows.get(int(ids[a])), rows.get(int(ids[b])), near) for near, a, b in found]
        return [Pair(a[0], b[0], similarity) for a, b, similarity in named if a and b]

    def sheet(self, hits: Sequence[Hit], title: str = "Search") -> str:
        """Lay hits out as a page: pictures, players, curves and words. Self-contained HTML."""
        return sheet(self.model.prep, hits, title)

    def _speaking(self, words: str, most: int, allowed: Ids | None) -> dict[int, float]:
        # All that speak are found before a condition thins them out.
        ids = self._store.speaking(words, most if allowed is None else len(self))
        if allowed is not None:
            some = set(allowed.tolist())
            ids = [one for one in ids if one in some]
        return {one: by_rank(rank) for rank, one in enumerate(ids, 1)}


def _check_top(top: int) -> None:
    if top < 1:
        msg = f"top must be at least 1, found {top}"
        raise PartError(msg)


def _check_similarity(least: float) -> None:
    if not -1 <= least <= 1:  # NaN, too
        meant = least / 100 if 1 < least <= 100 else 0.98
        msg = f"similarity is a cosine, from -1 to 1, found {least:g}; write {meant:g}"
        raise PartError(msg)


def _refuse_endless_queries(vectors: Matrix) -> None:
    wrong = np.flatnonzero(~np.isfinite(vectors).all(1)).tolist()
    if wrong:
        which = ", ".join(map(str, wrong[:20])) + (", ..." if len(wrong) > 20 else "")
        msg = f"the vectors hold numbers that are not finite, and are near to nothing: {which}"
        raise PartError(msg)


def _refuse_endless(numbers: Sequence[int], vectors: Matrix) -> None:
    """Refuse vectors with a number that is not finite: they are near to nothing."""
    wrong = [numbers[place] for place in np.flatnonzero(~np.isfinite(vectors).all(1)).tolist()]
    if wrong:
        rows = ", ".join(map(str, wrong[:20])) + (", ..." if len(wrong) > 20 else "")
        count = counted(len(wrong), "row")
        msg = f"the model gives no vector of finite numbers for {count}: {rows}; "
        raise TableError(f"{msg}look at their cells, or leave them out; nothing was added")
