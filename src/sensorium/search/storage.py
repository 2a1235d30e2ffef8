"""Records and vectors of an index, changed together: a change counts wholly or not at all.

It knows ids, keys, cells and vectors, and nothing of models.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

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
        rows: Sequence[tuple[str, Sequence[Any], str]],
        vectors: Mapping[int, Float32[np.ndarray, " width"]],
        replaced: Sequence[int] = (),
    ) -> None:
        """Add rows.

        Args:
            rows: key, cells and words of each.
            vectors: those that there are, by the number of their row in ``rows``.
            replaced: the ids of rows to forget at the same time.
        """
        with self.records.changing():
            self.records.remove(replaced)
            places: dict[int, int] = {}
            if vectors:
                stored = self._vectors().append(np.stack(list(vectors.values())))
                places = dict(zip(vectors, stored.tolist(), strict=True))
            self.records.add(
                (key, places.get(number), cells, words)
                for number, (key, cells, words) in enumerate(rows)
            )
            facts = self.records.facts
            self.records.note(
                {"count": facts["count"] + len(places), "rows": facts["rows"] + len(rows)}
            )
            self._pack()
        self._forget()

    def drop(self, ids: Sequence[int]) -> None:
        """Forget rows."""
        with self.records.changing():
            self.records.remove(ids)
            self._pack()
        self._forget()

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
        if self._lying is None or self.records.changed_elsewhere():
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
        facts = self.records.facts
        _, places = self.records.places()
        if facts["count"] - len(places) <= max(LEFT, len(places)):
            return
        old = self._vectors()
        number = int(facts["file"].split("-")[1].split(".")[0]) + 1
        fresh = Vectors(self.folder / f"vectors-{number}.f32", old.width)
        if len(places):
            fresh.append(old.matrix[places])
        self.records.move(dict(zip(places.tolist(), range(len(places)), strict=True)))
        self.records.note({"file": fresh.file.name, "count": len(places)})

    def _forget(self) -> None:
        self._lying = None
        for file in self.folder.glob("vectors-*.f32"):
            if file.name != self.records.facts["file"]:
                file.unlink(missing_ok=True)
