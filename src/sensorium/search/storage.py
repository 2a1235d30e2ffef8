"""An index in one folder: SQLite, and a file of bare vectors.

index/
index.json        says that the index is whole
model/            the model that embeds rows and queries
records.sqlite    keys, cells, words, and where each vector lies; its transactions commit
vectors-N.f32     unit vectors, bare 32-bit floats
lists-N-M.faiss   the first M of these, coded and sorted, where there are many
"""

import hashlib
import json
import os
import shutil
import sqlite3
import uuid
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from sensorium.core.errors import ArtifactError, ExtraError, PartError
from sensorium.search.glance import Matrix
from sensorium.search.inverted import FEWEST, Inverted, Reach, check_faiss
from sensorium.search.records import Records
from sensorium.search.store import Found, Ids, Keyed, Store, claimed, refuse_lost
from sensorium.search.vectors import Vectors

INDEX = "index.json"
FORMAT = 1
MODEL = "model"
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


class Storage(Store):
    """The store that needs no package: a folder with SQLite and a file of vectors.

    Args:
        folder: made by ``create``.

    Attributes:
        records: keys, cells and words; to be read, and changed only through the storage.
    """

    def __init__(self, folder: Path) -> None:
        self.place = self.folder = folder
        self.records = Records(folder / RECORDS)
        self._lying: tuple[Ids, Ids] | None = None
        self._open: Vectors | None = None
        self._sorted: tuple[str, Inverted | None] = ("", None)

    @classmethod
    def create(
        cls, place: Path | str, columns: Sequence[str], width: int, facts: Mapping[str, Any]
    ) -> "Storage":
        """Make an empty one; see ``Store.create``."""
        if isinstance(place, str):
            msg = f"store='sqlite' keeps an index in a folder; {place} needs store='lancedb'"
            raise PartError(msg)
        if facts.get("approximate"):
            check_faiss()
        folder = claimed(place)
        begin = {"count": 0, "file": "vectors-0.f32", "rows": 0, "width": width}
        try:
            Records.create(folder / RECORDS, columns, {**begin, **facts}).close()
            return cls(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    @classmethod
    def lies_at(cls, place: Path | str) -> bool:
        """Tell whether the folder holds one."""
        return isinstance(place, Path) and (place / INDEX).is_file()

    @classmethod
    def open(cls, place: Path | str) -> "Storage":
        """Open one; see ``Store.open``."""
        folder = Path(place)
        try:
            found = json.loads((folder / INDEX).read_text(encoding="utf-8")).get("format")
        except (ValueError, AttributeError):
            found = "torn"
        if found != FORMAT:
            msg = f"{folder} has format {found!r}, this version reads {FORMAT}; make it anew"
            raise ArtifactError(msg)
        return cls(folder)

    @property
    def facts(self) -> Mapping[str, Any]:
        """What was said when it was made, and what is known of its files."""
        return self.records.facts

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns whose cells are kept."""
        return self.records.columns

    def keep_model(self, save: Callable[[Path], object]) -> None:
        """Keep the folder that ``save`` writes."""
        save(self.folder / MODEL)

    def model_folder(self) -> Path:
        """Give that folder."""
        return self.folder / MODEL

    def finish(self) -> None:
        """Say that the index is whole."""
        about = {"format": FORMAT} | {name: self.facts[name] for name in ("column", "key")}
        text = json.dumps(about, ensure_ascii=False)
        (self.folder / INDEX).write_text(text + "\n", encoding="utf-8")

    def remove(self) -> None:
        """Take the folder away."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def put(
        self,
        keys: Sequence[str] | None,
        rows: Sequence[tuple[Sequence[Any], str]],
        vectors: Mapping[int, Float32[np.ndarray, " width"]],
        *,
        replace: bool = False,
    ) -> None:
        """Add rows; see ``Store.put``."""
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

    def drop(self, keys: Sequence[str], where: str | None) -> int:
        """Forget rows; see ``Store.drop``."""
        with self.records.changing():
            found = self.records.ids_of(keys)
            refuse_lost(keys, found)
            some = [] if where is None else self.records.where(where).tolist()
            gone = sorted({*found.values(), *some})
            self.records.remove(gone)
            self._pack()
        self._forget()
        self._sort()
        return len(gone)

    def __len__(self) -> int:
        return len(self.records)

    def ids_of(self, keys: Iterable[str]) -> dict[str, int]:
        """Find the rows of some keys."""
        return self.records.ids_of(keys)

    def rows(self, ids: Iterable[int]) -> Keyed:
        """Give the key and the cells of some rows."""
        return self.records.rows(ids)

    def where(self, condition: str) -> Ids:
        """Find the rows for which a condition holds."""
        return self.records.where(condition)

    def speaking(self, words: str, most: int) -> list[int]:
        """Find the rows whose texts hold some of the words."""
        return self.records.speaking(words, most)

    def nearest(self, queries: Matrix, top: int, allowed: Ids | None) -> Found:
        """Find the rows whose vectors are nearest, by lists where there are some.

        See ``Store.nearest``, ``Vectors.nearest`` and ``Inverted.nearest``.
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
        """Give the ids of the rows that have a vector, and their vectors of length 1."""
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
