"""What an index asks of the place where its rows lie. Two places serve it: see ``index.STORES``.

It knows ids, keys, cells, words and vectors, and nothing of models; ids rise in the order in which
rows were put. An id is given once and never again.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from sensorium.core.counted import counted
from sensorium.core.errors import ArtifactError, TableError, all_at_once
from sensorium.search.glance import Matrix

Ids = Int64[np.ndarray, " _"]
Found = tuple[Int64[np.ndarray, " queries found"], Float32[np.ndarray, " queries found"]]
Keyed = dict[int, tuple[str, dict[str, Any]]]


class Store(ABC):
    """The rows of an index. A change counts wholly or not at all.

    Attributes:
        place: where they lie: a folder, or a URI.
    """

    place: Path | str

    @property
    @abstractmethod
    def facts(self) -> Mapping[str, Any]:
        """What was said when it was made: ``column``, ``key``, ``model``, ``width``; and more."""

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The columns whose cells are kept."""

    @classmethod
    @abstractmethod
    def create(
        cls, place: Path | str, columns: Sequence[str], width: int, facts: Mapping[str, Any]
    ) -> "Store":
        """Make an empty store for rows of these columns and vectors of this width.

        Until ``finish`` no index is there.

        Errors:
            ArtifactError: the place is taken.
            ExtraError: a package that it needs is missing.
        """

    @classmethod
    @abstractmethod
    def lies_at(cls, place: Path | str) -> bool:
        """Tell whether an index that was finished may be there."""

    @classmethod
    @abstractmethod
    def open(cls, place: Path | str) -> "Store":
        """Open what was finished.

        Errors:
            ArtifactError: there is none, or of another version.
            ExtraError: a package that it needs is missing.
        """

    @abstractmethod
    def keep_model(self, save: Callable[[Path], object]) -> None:
        """Keep the folder that ``save`` writes."""

    @abstractmethod
    def model_folder(self) -> Path:
        """Give that folder, brought to this machine where it lies elsewhere."""

    @abstractmethod
    def finish(self) -> None:
        """Say that the index is whole: it can be opened now."""

    @abstractmethod
    def remove(self) -> None:
        """Take everything away."""

    # --- changing -----------------------------------------------------------------------------

    @abstractmethod
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

    @abstractmethod
    def drop(self, keys: Sequence[str], where: str | None) -> int:
        """Forget rows by their keys, and all for which a condition holds; give how many.

        Errors:
            TableError: keys that are not there (then none is forgotten), or a faulty condition.
        """

    def refuse_known(self, keys: Iterable[str]) -> None:
        """Refuse keys that rows have already.

        Errors:
            TableError: names them all.
        """
        known = self.ids_of(keys)
        if known:
            title = f"the index has {counted(len(known), 'row')} of these already (update instead):"
            raise TableError(all_at_once(title, [f"key {key!r}" for key in known]))

    # --- finding ------------------------------------------------------------------------------

    @abstractmethod
    def __len__(self) -> int:
        """Count the rows."""

    @abstractmethod
    def ids_of(self, keys: Iterable[str]) -> dict[str, int]:
        """Find the rows of some keys, in their order; keys that no row has are left out."""

    @abstractmethod
    def rows(self, ids: Iterable[int]) -> Keyed:
        """Give the key and the cells of some rows, by id; rows that are gone are left out."""

    @abstractmethod
    def where(self, condition: str) -> Ids:
        """Find the rows for which a condition on the cells holds; their ids, rising.

        Errors:
            TableError: see ``conditions.holding``.
        """

    @abstractmethod
    def speaking(self, words: str, most: int) -> list[int]:
        """Find the rows whose texts hold some of the words, the best first (BM25).

        Words of one or two characters have no trigram: in scripts without spaces the rows that
        hold them come after; in others they are looked for only where there is no longer word.
        """

    @abstractmethod
    def nearest(self, queries: Matrix, top: int, allowed: Ids | None) -> Found:
        """Find the rows whose vectors are of the greatest cosine similarity, the best first.

        Args:
            queries: vectors of any length.
            top: how many rows a query; fewer come where there are fewer.
            allowed: the ids of the rows that may be found; None allows all.
        """

    @abstractmethod
    def vectors(self, allowed: Ids | None) -> tuple[Ids, Matrix]:
        """Give the ids of the rows that have a vector, and their vectors of length 1."""

    @property
    @abstractmethod
    def recall(self) -> float | None:
        """The share of the ten nearest that is found; None where every vector is compared."""


def placed(place: str | Path) -> str | Path:
    """Tell folders from URIs such as ``s3://bucket/folder``, which stay text."""
    return str(place) if "://" in str(place) else Path(place)


def claimed(place: Path) -> Path:
    """Make a folder for an index.

    Errors:
        ArtifactError: it is taken.
    """
    if place.is_file() or (place.is_dir() and any(place.iterdir())):
        msg = f"{place} is taken; name a new folder, or open it (--update) if it is an index"
        raise ArtifactError(msg)
    place.mkdir(parents=True, exist_ok=True)
    return place


def refuse_lost(keys: Sequence[str], found: Mapping[str, int]) -> None:
    """Refuse keys that no row has.

    Errors:
        TableError: names them all.
    """
    lost = [f"key {key!r}" for key in keys if key not in found]
    if lost:
        raise TableError(all_at_once("These rows are not in the index:", lost))
