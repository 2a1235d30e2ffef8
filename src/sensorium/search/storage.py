"""Records and vectors of an index, changed together: a change counts wholly or not at all.

It knows ids, keys, cells and vectors, and nothing of models.
"""

import hashlib
import os
import sqlite3
import uuid
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from sensorium.core.errors import ArtifactError, ExtraError, TableError, all_at_once
from sensorium.search.inverted import FEWEST, Inverted, Reach
from sensorium.search.records import Records
from sensorium.search.vectors import Vectors

Ids = Int64[np.ndarray, " _"]
Matrix = Float32[np.ndarray, " _ width"]

RECORDS = "records.sqlite"
LEFT = 1_000
"""Beyond so many vectors that no row has any more, and more than are in use, the file is packed."""
MANY = 100_000
"""From so many vectors on they are sorted into lists, if nothing else was said."""
LATE = 0.05
"""When a greater share of the vectors is not in the lists yet, all are sorted anew."""
FEW = 5_000
"""Among so few vectors every one is compared; it takes no longer."""
WIDE = 1_000
"""Whoever wants more rows than this is answered by comparing every vector."""
EXACTLY = "every vector is compared, which is exact and slower"


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
        self._sorted: tuple[str, Inverted | None] = ("", None)

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
        self._sort()

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
        self._sort()
        return len(gone)

    def nearest(
        self, queries: Matrix, top: int, allowed: Ids | None
    ) -> tuple[Int64[np.ndarray, " queries found"], Float32[np.ndarray, " queries found"]]:
        """Find the rows whose vectors are nearest, by lists where there are some.

        See ``Vectors.nearest`` and ``Inverted.nearest``.

        Args:
            queries: vectors.
            top: how many rows a query.
            allowed: the ids of the rows that may be found; None allows all.
        """
        ids, places = self._chosen(allowed)
        many = len(places) > FEW and 0 < top <= WIDE and len(queries) > 0
        lists = self._inverted() if many else None
        if lists is None:
            found, similar = self._vectors().nearest(queries, top, places)
        else:
            chosen = allowed is not None
            found, similar = lists.nearest(self._vectors(), queries, top, places, chosen=chosen)
        return ids[np.searchsorted(places, found)], similar

    @property
    def recall(self) -> float | None:
        """The share of the ten nearest that lists were measured to find; None without lists."""
        self._look_around()
        lists = self._inverted()
        return None if lists is None else lists.reach.recall

    def vectors(self, allowed: Ids | None) -> tuple[Ids, Matrix]:
        """Give the ids of the rows that have a vector, and their vectors."""
        ids, places = self._chosen(allowed)
        return ids, np.asarray(self._vectors().matrix[places])

    def _look_around(self) -> None:
        if self.records.changed_elsewhere():
            self._lying = None

    def _chosen(self, allowed: Ids | None) -> tuple[Ids, Ids]:
        self._look_around()
        if self._lying is None:
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

    def _facts_of_lists(self) -> dict[str, Any]:
        """Give what is known of the lists; nothing where they are of another file of vectors."""
        facts = self.records.facts
        found = facts.get("lists") or {}
        return found if found.get("vectors") == facts["file"] else {}

    def _inverted(self) -> Inverted | None:
        facts = self._facts_of_lists()
        name = facts.get("file", "")
        if self._sorted[0] != name:
            lists = None
            try:
                if name:
                    lists = self._opened(self.folder / name, facts)
            except (ArtifactError, ExtraError) as error:
                warnings.warn(f"{error}; until then {EXACTLY}", UserWarning, stacklevel=4)
            self._sorted = (name, lists)
        return self._sorted[1]

    def _opened(self, file: Path, facts: Mapping[str, Any]) -> Inverted:
        if not file.is_file() or _fingerprint(file) != facts["sha256"]:
            msg = f"{file} is gone or was changed; the next change of the index makes it anew"
            raise ArtifactError(msg)
        return Inverted.open(file, facts["count"], Reach(**facts["reach"]))

    def _sort(self) -> None:
        """Sort the vectors into lists, where they are many and too few of them are sorted.

        It is done after a change was committed, and committed by itself: until then, and whatever
        happens, those in no list are compared one by one.
        """
        wanted, lists = self.records.facts.get("approximate"), self._facts_of_lists()
        used = self.records.count_placed()
        if wanted is False or used < (FEWEST if wanted else MANY):
            return
        late = self.records.count_placed(lists.get("count", 0))
        if lists and late <= LATE * used and (self.folder / lists["file"]).is_file():
            return
        try:
            self._sort_anew()
        except ExtraError as error:
            msg = f"{error}; until then {EXACTLY}"
            warnings.warn(msg, UserWarning, stacklevel=4)
        except (ArtifactError, OSError, RuntimeError, MemoryError, sqlite3.Error) as error:
            msg = f"the rows are kept, their vectors could not be sorted ({error}): {EXACTLY}"
            warnings.warn(msg, UserWarning, stacklevel=4)

    def _sort_anew(self) -> None:
        with self.records.changing():  # facts and places of one moment
            facts, places = dict(self.records.facts), self.records.places()[1]
        vectors = Vectors(self.folder / facts["file"], facts["width"], int(facts["count"]))
        made = Inverted.build(vectors, places)
        name = f"lists-{_number(facts['file'])}-{made.count}.faiss"
        part, file = self.folder / f"{name}-{uuid.uuid4().hex}", self.folder / name
        try:
            made.save(part)
            with part.open("r+b") as stream:
                os.fsync(stream.fileno())
            about = {"file": name, "vectors": facts["file"], "sha256": _fingerprint(part)}
            about |= {"count": made.count, "reach": asdict(made.reach)}
            with self.records.changing():
                count = self._facts_of_lists().get("count", 0)
                newer = count > made.count or (count == made.count and file.is_file())
                if self.records.facts["file"] == facts["file"] and not newer:
                    part.replace(file)
                    self.records.note({"lists": about})
                    self._sorted = (name, made)
        finally:
            part.unlink(missing_ok=True)
        self._forget()

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
        lists = self._facts_of_lists()
        kept = (_number(self.records.facts["file"]), lists.get("count", 0))
        for file in self.folder.glob("lists-*"):
            if _generation(file.name) <= kept and file.name != lists.get("file"):
                file.unlink(missing_ok=True)


def _number(file: str) -> int:
    return int(file.removeprefix("vectors-").removesuffix(".f32"))


def _fingerprint(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _generation(file: str) -> tuple[int, int]:
    number, count = file.removeprefix("lists-").split(".")[0].split("-")
    return int(number), int(count)
