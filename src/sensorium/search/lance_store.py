"""An index in LanceDB: in a folder, or in object storage such as ``s3://bucket/index``.

Vectors are compared one block after another as they are read, every one of them, unless there are
very many; conditions are weighed by SQLite over the cells that they name, and words ranked as FTS5
does: the answers are those of the other store. It needs the package lancedb.
"""

import datetime as dt
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sensorium.core.errors import ArtifactError
from sensorium.search import lance_graph as graph
from sensorium.search import lance_tables as tables
from sensorium.search.conditions import Mirror
from sensorium.search.glance import Matrix
from sensorium.search.spoken import SHORTEST, Ranking, asked, folded, texts_with
from sensorium.search.store import Found, Ids, Keyed, Store, claimed, refuse_lost
from sensorium.search.vectors import best_of, in_order, unit

BLOCK = 16_384
"""So many rows are read at once."""
CLOSELY = 256
"""So many queries are compared with a block at once."""
KEPT = 2**26
"""So many numbers of vectors at most are kept in memory between searches."""
FEW = 5_000
"""So few rows are asked for by their ids, instead of reading all; no graph is asked for them."""
MANY, FEWEST = 100_000, 256
"""From so many rows on a graph is made, if nothing else was said; and if it was, from so many."""
LATE = 0.2
"""When a greater share of the rows is not in the graph yet, it is made anew."""
WIDE = 1_000
"""Whoever wants more rows than this is answered by comparing every vector."""
BATCH = 32
"""So are so many queries: all of them by reading the vectors once."""
NAMES = 10_000
"""So many keys or ids are named in one question."""
SCRAPS = 20
"""Beyond so many small files of rows they are written together."""
LEFT = 1_000
"""So are those with so many rows that were deleted, and more than are in use."""
OLD = dt.timedelta(hours=1)
"""So long other processes can read a version of the tables after it was replaced."""


class LanceStore(Store):
    """The store for collections beyond one machine.

    Args:
        place: a folder, or a URI that LanceDB knows.
        base: the database there.
    """

    def __init__(self, place: Path | str, base: Any) -> None:
        self.place = place
        self._base = base
        self._about = tables.opened(base, tables.FACTS, place)
        self._rows = tables.opened(base, tables.ROWS, place)
        self._facts = tables.read_facts(self._about)
        self._width = int(self._facts["width"])
        self._model: Path | None = None
        self._version = -1
        self._blocks: list[tuple[Ids, Matrix]] | None = None
        self._mirror: Mirror | None = None

    @classmethod
    def create(
        cls, place: Path | str, columns: Sequence[str], width: int, facts: Mapping[str, Any]
    ) -> "LanceStore":
        """Make an empty one; see ``Store.create``."""
        tables.lancedb()
        base = tables.connected(claimed(place) if isinstance(place, Path) else place)
        if base.list_tables().tables:
            msg = f"{place} is taken; name a new one, or open it (--update) if it is an index"
            raise ArtifactError(msg)
        begin = {"next": 0, "width": width, "columns": list(columns)}
        try:
            made = base.create_table(tables.FACTS, schema=tables.FACTS_SCHEMA)
            tables.note(made, {**begin, **facts})
            rows = base.create_table(tables.ROWS, schema=tables.rows_schema(len(columns), width))
            rows.set_unenforced_primary_key("key")  # two processes cannot both insert it then
            return cls(place, base)
        except BaseException:
            _remove(place, base)
            raise

    @classmethod
    def lies_at(cls, place: Path | str) -> bool:
        """Tell whether there is one; of a URI, ``open`` finds out."""
        return isinstance(place, str) or (place / f"{tables.FACTS}.lance").is_dir()

    @classmethod
    def open(cls, place: Path | str) -> "LanceStore":
        """Open one; see ``Store.open``."""
        found = cls(place, tables.connected(place))
        form = found.facts.get("format")
        if form is None:
            msg = f"{place} is no index: it was not finished; make it anew"
            raise ArtifactError(msg)
        if form != tables.FORMAT:
            msg = f"{place} has format {form!r}, this version reads {tables.FORMAT}; make it anew"
            raise ArtifactError(msg)
        return found

    @property
    def facts(self) -> Mapping[str, Any]:
        """What was said when it was made."""
        return self._facts

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns whose cells are kept."""
        return tuple(self._facts["columns"])

    def keep_model(self, save: Callable[[Path], object]) -> None:
        """Keep the folder that ``save`` writes, as a table."""
        with tempfile.TemporaryDirectory(prefix="sensorium-") as aside:
            save(Path(aside) / tables.MODEL)
            tables.keep_files(self._base, Path(aside) / tables.MODEL)

    def model_folder(self) -> Path:
        """Write that table as a folder again, which lasts as long as the object."""
        if self._model is None:
            aside = Path(tempfile.mkdtemp(prefix="sensorium-"))
            weakref.finalize(self, shutil.rmtree, aside, ignore_errors=True)
            tables.bring_files(tables.opened(self._base, tables.MODEL, self.place), aside)
            self._model = aside
        return self._model

    def finish(self) -> None:
        """Say that the index is whole."""
        tables.note(self._about, {"format": tables.FORMAT})

    def remove(self) -> None:
        """Take the tables away, and the folder that held them."""
        _remove(self.place, self._base)

    # --- changing -----------------------------------------------------------------------------

    def put(
        self,
        keys: Sequence[str] | None,
        rows: Sequence[tuple[Sequence[Any], str]],
        vectors: Mapping[int, tables.Vector],
        *,
        replace: bool = False,
    ) -> None:
        """Add rows; see ``Store.put``."""
        if not rows:
            return
        if keys is not None and not replace:
            self.refuse_known(keys)
        first = tables.reserve(self._about, len(rows))
        if keys is None:
            keys = [str(first + number) for number in range(len(rows))]
        if vectors:
            matrix = unit(np.stack(list(vectors.values())))
            vectors = dict(zip(vectors, matrix, strict=True))
        lines = tables.lines(self._rows.schema, first, keys, rows, vectors)
        merging = self._rows.merge_insert("key").when_not_matched_insert_all()
        if replace:
            merging = merging.when_matched_update_all()
        done = merging.execute(lines, on_bad_vectors="null")
        if not replace and done.num_inserted_rows < len(rows):  # another process was faster
            self._rows.delete(f"id >= {first} AND id < {first + len(rows)}")
            self.refuse_known(keys)
            msg = "another process changed the index meanwhile; nothing was added, try again"
            raise ArtifactError(msg)
        self._tidy()
        self._sort()

    def drop(self, keys: Sequence[str], where: str | None) -> int:
        """Forget rows; see ``Store.drop``."""
        found = self.ids_of(keys)
        refuse_lost(keys, found)
        some = [] if where is None else self.where(where).tolist()
        gone = sorted({*found.values(), *some})
        if gone:
            self._rows.delete(_among("id", map(str, gone)))
            self._tidy()
            self._sort()
        return len(gone)

    def _tidy(self) -> None:
        """Write small files together, and those with many deleted rows; the rows stay the same."""
        try:
            for table in (self._rows, self._about):
                about = table.stats()
                files = about["fragment_stats"]
                lying = files["num_fragments"] * files["lengths"]["mean"]
                unused = lying - about["num_rows"]
                many = files["num_small_fragments"] > SCRAPS
                if many or unused > max(LEFT, about["num_rows"]):
                    table.optimize(cleanup_older_than=OLD)
        except (OSError, RuntimeError, ValueError) as error:
            msg = f"the rows are kept, their files could not be written together ({error})"
            warnings.warn(msg, UserWarning, stacklevel=4)

    def _sort(self) -> None:
        """Make a graph of the vectors, where they are many and too few of them are in one.

        It is made after a change was committed, and committed by itself: until then, and whatever
        happens, every vector is compared.
        """
        wanted, used = self._facts.get("approximate"), len(self)
        if wanted is False or used < (FEWEST if wanted else MANY):
            return
        try:
            if self._look is not None and graph.lacking(self._rows) <= LATE * used:
                return
            chosen = np.random.default_rng(0).permutation(self.where("1"))[: graph.HELD]
            queries = graph.mixed(self.vectors(chosen)[1])
            if not len(queries):
                return
            graph.make(self._rows)
            truth = self._exactly(queries, graph.TOP, None)[0]
            look = graph.measured(self._rows, queries, truth)
            tables.note(self._about, {"look": asdict(look)})
            self._version = -1
        except (ArtifactError, OSError, RuntimeError, ValueError, MemoryError) as error:
            msg = f"the rows are kept, no graph of them could be made ({error}): every vector is "
            warnings.warn(f"{msg}compared, which is exact and slower", UserWarning, stacklevel=4)

    # --- finding ------------------------------------------------------------------------------

    def __len__(self) -> int:
        self._look_around()
        return int(self._rows.count_rows())

    def ids_of(self, keys: Iterable[str]) -> dict[str, int]:
        """Find the rows of some keys."""
        names, found = list(keys), dict[str, int]()
        self._look_around()
        for start in range(0, len(names), NAMES):
            which = _among("key", map(tables.text, names[start : start + NAMES]))
            for batch in self._read(["key", "id"], which):
                pairs = zip(*(column.to_pylist() for column in batch.columns), strict=True)
                found |= dict(pairs)
        return {name: found[name] for name in names if name in found}

    def rows(self, ids: Iterable[int]) -> Keyed:
        """Give the key and the cells of some rows."""
        wanted, found = list(ids), Keyed()
        self._look_around()
        fields = [f"cell_{number}" for number in range(len(self.columns))]
        for start in range(0, len(wanted), NAMES):
            which = _among("id", map(str, wanted[start : start + NAMES]))
            for batch in self._read(["id", "key", *fields], which):
                for line in batch.to_pylist():
                    cells = [tables.decoded(line[name]) for name in fields]
                    row = dict(zip(self.columns, cells, strict=True))
                    found[line["id"]] = line["key"], row
        return {one: found[one] for one in wanted if one in found}

    def where(self, condition: str) -> Ids:
        """Find the rows for which a condition holds; the columns that it names are read for it."""
        self._look_around()
        if self._mirror is None:
            self._mirror = Mirror(self.columns, self._cells)
        return self._mirror.where(condition)

    def _cells(self, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        fields = [f"cell_{self.columns.index(name)}" for name in names]
        for batch in self._read(["id", *fields]):
            columns = [batch.column(name).to_pylist() for name in fields]
            cells = [map(tables.decoded, column) for column in columns]
            yield from zip(batch.column("id").to_pylist(), *cells, strict=True)

    def speaking(self, words: str, most: int) -> list[int]:
        """Find the rows whose texts hold some of the words, in one pass over all texts."""
        what = asked(words)
        long, short = [[folded(part) for part in parts] for parts in (what.long, what.short)]
        ranking, holding = Ranking(long), {part: list[int]() for part in short}
        self._look_around()
        for batch in self._read(["id", "words"]):
            ids, texts = batch.column("id"), batch.column("words")
            sizes = pc.max_element_wise(pc.subtract(pc.utf8_length(texts), SHORTEST - 1), 0)
            ranking.pass_by(batch.num_rows, pc.sum(sizes).as_py() or 0)
            held = texts_with(texts, long)
            pairs = zip(ids.filter(held).to_pylist(), texts.filter(held).to_pylist(), strict=True)
            for number, text in pairs:
                ranking.hold(number, text)
            for part in short:
                holding[part] += ids.filter(texts_with(texts, [part])).to_pylist()
        ranked = ranking.best(most)
        late = [one for part in short for one in sorted(holding[part])[:most]]
        return list(dict.fromkeys([*ranked, *late]))[:most]

    def nearest(self, queries: Matrix, top: int, allowed: Ids | None) -> Found:
        """Find the rows whose vectors are nearest; by the graph where there is one.

        Under a condition, and for many queries or rows at once, every vector is compared.
        """
        self._look_around()
        queries, look = unit(queries), self._look
        many = 0 < top <= WIDE and len(queries) < BATCH and len(self) > FEW
        if look is None or allowed is not None or not many:
            return self._exactly(queries, top, allowed)
        found = [graph.candidates(self._rows, query, top, look) for query in queries]
        if any(len(ids) < top for ids, _ in found):
            return self._exactly(queries, top, None)
        ids = np.stack([some for some, _ in found])
        similar = np.einsum("qw,qtw->qt", queries, np.stack([matrix for _, matrix in found]))
        return in_order(ids, similar, top)

    def _exactly(self, queries: Matrix, top: int, allowed: Ids | None) -> Found:
        ids = np.zeros((len(queries), 0), np.int64)
        similar = np.zeros((len(queries), 0), np.float32)
        steps = range(0, len(queries), CLOSELY)
        for some, matrix in self._all_vectors(allowed):
            best = [best_of(queries[start : start + CLOSELY], matrix, top) for start in steps]
            if best and len(some):
                ids = np.concatenate([ids, some[np.concatenate([one for one, _ in best])]], 1)
                similar = np.concatenate([similar, np.concatenate([one for _, one in best])], 1)
                ids, similar = in_order(ids, similar, top)
        return ids, similar

    def vectors(self, allowed: Ids | None) -> tuple[Ids, Matrix]:
        """Give the ids of the rows that have a vector, and their vectors."""
        ids, found = [np.zeros(0, np.int64)], [np.zeros((0, self._width), np.float32)]
        for some, matrix in self._all_vectors(allowed):
            ids.append(some)
            found.append(matrix)
        order = np.argsort(np.concatenate(ids))
        return np.concatenate(ids)[order], np.concatenate(found)[order]

    @property
    def recall(self) -> float | None:
        """The share of the ten nearest that the graph was measured to find; None without one."""
        self._look_around()
        return None if self._look is None else self._look.recall

    @property
    def _look(self) -> graph.Look | None:
        found = self._facts.get("look")
        return None if found is None else graph.Look(**found)

    def _look_around(self) -> None:
        """Take in what other processes committed; all is read from one version until then."""
        self._rows.checkout_latest()
        version = int(self._rows.version)
        if version != self._version:
            self._version, self._blocks = version, None
            self._about.checkout_latest()
            self._facts = tables.read_facts(self._about)
            if self._mirror is not None:
                self._mirror.close()
                self._mirror = None

    def _read(self, columns: Sequence[str], which: str | None = None) -> Iterator[pa.RecordBatch]:
        asking = self._rows.search().select(list(columns))
        if which is not None:
            asking = asking.where(which)
        yield from asking.to_batches(BLOCK)

    def _all_vectors(self, allowed: Ids | None) -> Iterator[tuple[Ids, Matrix]]:
        self._look_around()
        if allowed is not None and len(allowed) <= FEW:
            which = _among("id", map(str, allowed.tolist())) if len(allowed) else "false"
            for batch in self._read(["id", "vector"], which):
                yield tables.vectors_in(batch, self._width)
            return
        for ids, matrix in self._kept_vectors():
            some = slice(None) if allowed is None else np.isin(ids, allowed)
            yield ids[some], matrix[some]

    def _kept_vectors(self) -> Iterator[tuple[Ids, Matrix]]:
        """Give all vectors; from memory where they were read before and are few enough."""
        if self._blocks is not None:
            yield from self._blocks
            return
        blocks, room = list[tuple[Ids, Matrix]](), KEPT
        for batch in self._read(["id", "vector"]):
            block = tables.vectors_in(batch, self._width)
            room -= block[1].size
            blocks = [*blocks, block] if room >= 0 else []
            yield block
        self._blocks = blocks if room >= 0 else None


def _among(column: str, values: Iterable[str]) -> str:
    return f"{column} IN ({', '.join(values)})"


def _remove(place: Path | str, base: Any) -> None:
    if isinstance(place, Path):
        shutil.rmtree(place, ignore_errors=True)
    else:
        base.drop_all_tables()
