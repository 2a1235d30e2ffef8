"""Records and vectors of an index, changed together: a change counts wholly or not at all.

It knows ids, keys, cells and vectors, and nothing of models.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from sensorium.core.errors import TableError, all_at_once
from sensorium.search.records import Records
from sensorium.search.vectors import Vectors

Ids = Int64[np.ndarray, " _"]
Matrix = Float32[np.ndarray, " _ width"]

RECORDS = "records.sqlite"
LEFT = 1_000
"""Beyond so many vectors that no row has any more, and more than are in use, the file is packed."""


class Storage:
    """What lies in an index's folder beside its model.

    Args:
        folder: made by ``create``.

    Attributes:
        records: keys, cells and words; to be read, and changed only through the storage.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = Records(folder / RECORDS)
        self._lying: tuple[Ids, Ids] | None = None
        self._open: Vectors | None = None

    @classmethod
    def create(
        cls, folder: Path, columns: Sequence[str], width: int, facts: Mapping[str, Any]
    ) -> None:
        """Make an empty storage for rows of these columns and vectors of this width."""
        begin = {"count": 0, "file": "vectors-0.f32", "rows": 0, "width": width}
        Records.create(folder / RECORDS, columns, {**begin, **facts}).close()

    def put(
        self,
        keys: Sequence[str] | None,
        rows: Sequence[tuple[Sequence[Any], str]],
        vectors: Mapping[int, Float32[np.ndarray, " width"]],
        *,
        replace: bool = False,
    ) -> None:
        """Add rows.

        Args:
            keys: their names; None counts them on.
            rows: cells and words of each.
            vectors: those that there are, by the number of their row in ``rows``.
            replace: forget the rows that have these keys now; else they are refused.

        Errors:
            TableError: keys that are there already.
        """
        with self.records.changing():
            facts = self.records.facts
            if keys is None:
                keys = [str(facts["rows"] + number) for number in range(len(rows))]
            if replace:
                self.records.remove(list(self.records.ids_of(keys).values()))
            self.refuse_known(keys)
            places: dict[int, int] = {}
            if vectors:
                stored = self._vectors().append(np.stack(list(vectors.values())))
                places = dict(zip(vectors, stored.tolist(), strict=True))
            self.records.add(
                (key, places.get(number), cells, words)
                for number, (key, (cells, words)) in enumerate(zip(keys, rows, strict=True))
            )
            self.records.note(
                {"count": facts["count"] + len(places), "rows": facts["rows"] + len(rows)}
            )
            self._pack()
        self._forget()

    def refuse_known(self, keys: Iterable[str]) -> None:
        """Refuse keys that rows have already.

        Errors:
            TableError: names them all.
        """
        known = self.records.ids_of(keys)
        if known:
            title = f"{len(known):,} of the rows are in the index already (update them instead):"
            raise TableError(all_at_once(title, [f"key {key!r}" for key in known]))

    def drop(self, keys: Sequence[str], where: str | None) -> int:
        """Forget rows by their keys, and all for which a condition holds; give how many.

        Errors:
            TableError: keys that are not there (then none is forgotten), or a faulty condition.
        """
        with self.records.changing():
            found = self.records.ids_of(keys)
            lost = [f"key {key!r}" for key in keys if key not in found]
            if lost:
                raise TableError(all_at_once("These rows are not in the index:", lost))
            some = self.records.where(where).tolist() if where else []
            gone = sorted({*found.values(), *some})
            self.records.remove(gone)
            self._pack()
        self._forget()
        return len(gone)

    def nearest(
        self, queries: Matrix, top: int, allowed: Ids | None
    ) -> tuple[Int64[np.ndarray, " queries found"], Float32[np.ndarray, " queries found"]]:
        """Find the rows whose vectors are nearest; see ``Vectors.nearest``.

        Args:
            queries: vectors.
            top: how many rows a query.
            allowed: the ids of the rows that may be found; None allows all.
        """
        ids, places = self._chosen(allowed)
        found, similar = self._vectors().nearest(queries, top, places)
        return ids[np.searchsorted(places, found)], similar

    def vectors(self, allowed: Ids | None) -> tuple[Ids, Matrix]:
        """Give the ids of the rows that have a vector, and their vectors."""
        ids, places = self._chosen(allowed)
        return ids, np.asarray(self._vectors().matrix[places])

    def _chosen(self, allowed: Ids | None) -> tuple[Ids, Ids]:
        changed = self.records.changed_elsewhere()
        if changed or self._lying is None:
            self._lying = self.records.places()
        ids, places = self._lying
        if allowed is None:
            return ids, places
        some = np.isin(ids, allowed)
        return ids[some], places[some]

    def _vectors(self) -> Vectors:
        facts = self.records.facts
        file, count = self.folder / facts["file"], int(facts["count"])
        if self._open is None or (self._open.file, self._open.count) != (file, count):
            self._open = Vectors(file, facts["width"], count)
        return self._open

    def _pack(self) -> None:
        """Write the vectors that are in use to a new file, when most are not."""
        facts, used = self.records.facts, self.records.count_placed()
        if facts["count"] - used <= max(LEFT, used):
            return
        _, places = self.records.places()
        old = self._vectors()
        fresh = Vectors(self.folder / f"vectors-{_number(facts['file']) + 1}.f32", old.width)
        if len(places):
            fresh.append(old.matrix[places])
        self.records.move(dict(zip(places.tolist(), range(len(places)), strict=True)))
        self.records.note({"file": fresh.file.name, "count": len(places)})

    def _forget(self) -> None:
        """Take away files older than ours; a newer one is another process's."""
        self._lying = None
        for file in self.folder.glob("vectors-*.f32"):
            if _number(file.name) < _number(self.records.facts["file"]):
                file.unlink(missing_ok=True)


def _number(file: str) -> int:
    return int(file.removeprefix("vectors-").removesuffix(".f32"))
