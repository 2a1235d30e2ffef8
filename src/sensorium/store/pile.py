"""A pile of arrays of unequal length, one a row: in memory up to a budget, beyond it in a file.

Rows are added in blocks and never changed. All rows have one type and one shape but for their
first side; a row may be absent. Nothing is pickled: the file holds bare numbers, is read through
a memory map, and goes away with the pile.
"""

import shutil
import tempfile
import weakref
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64, Shaped
from numpy.typing import NDArray

from sensorium.core.errors import TrainingError

Row = Shaped[np.ndarray, " _length ..."]


@dataclass(slots=True)
class Budget:
    """How many bytes of memory several piles may still take.

    Attributes:
        left: bytes.
    """

    left: int

    def take(self, size: int) -> bool:
        """Take some, if there are so many."""
        if size > self.left:
            return False
        self.left -= size
        return True


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """Rows that were added together: their numbers end to end, and where each row begins.

    ``flat`` is None for a block in the file, where it begins ``offset`` numbers from the start.
    """

    starts: Int64[np.ndarray, " rows_and_one"]
    flat: NDArray[Any] | None
    offset: int


class Pile:
    """Arrays by row number."""

    def __init__(self, budget: Budget, folder: Path | None = None) -> None:
        """Begin an empty pile.

        Args:
            budget: the memory that it may take, shared with other piles.
            folder: where its file goes if it needs one; None takes the system's place for
                temporary files.
        """
        self._budget = budget
        self._folder = folder
        self._blocks: list[_Block] = []
        self._firsts: list[int] = []
        self._lengths: list[Int64[np.ndarray, " rows"]] = []
        self._dtype: np.dtype[Any] | None = None
        self._rest: tuple[int, ...] = ()
        self._file: Path | None = None
        self._written = 0
        self._map: NDArray[Any] | None = None

    def __len__(self) -> int:
        return sum(map(len, self._lengths))

    @property
    def on_disk(self) -> bool:
        """Whether some of it lies in a file."""
        return self._file is not None

    @property
    def lengths(self) -> Int64[np.ndarray, " rows"]:
        """The first side of each row; -1 where the row is absent."""
        return np.concatenate([np.zeros(0, np.int64), *self._lengths])

    @property
    def present(self) -> Bool[np.ndarray, " rows"]:
        """Which rows are not absent."""
        return self.lengths >= 0

    def add(self, rows: Sequence[Row | None]) -> None:
        """Add a block of rows.

        Errors:
            TrainingError: the file cannot be written, such as for a full disk.
        """
        self._firsts.append(self._firsts[-1] + len(self._lengths[-1]) if self._blocks else 0)
        self._lengths.append(np.array([-1 if r is None else len(r) for r in rows], np.int64))
        some = [row for row in rows if row is not None]
        if some and self._dtype is None:
            self._dtype, self._rest = some[0].dtype, some[0].shape[1:]
        sizes = [0 if row is None else row.size for row in rows]
        starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        flat = np.empty(starts[-1], self._dtype or np.uint8)
        for row, start, stop in zip(rows, starts[:-1], starts[1:], strict=True):
            if row is not None:
                flat[start:stop] = row.reshape(-1)
        if self._budget.take(flat.nbytes):
            self._blocks.append(_Block(starts, flat, 0))
        else:
            self._blocks.append(_Block(starts, None, self._write(flat)))

    def __getitem__(self, number: int) -> Row | None:
        """Give one row; None where it is absent. A view: do not write to it."""
        place = bisect_right(self._firsts, number) - 1
        inside = number - self._firsts[place]
        if self._lengths[place][inside] < 0:
            return None
        block = self._blocks[place]
        start, stop = int(block.starts[inside]), int(block.starts[inside + 1])
        if block.flat is not None:
            found = block.flat[start:stop]
        else:
            found = self._mapped()[block.offset + start : block.offset + stop]
        return found.reshape(-1, *self._rest)

    def _write(self, flat: NDArray[Any]) -> int:
        try:
            if self._file is None:
                folder = tempfile.mkdtemp(prefix="sensorium-", dir=self._folder)
                weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
                self._file = Path(folder) / "rows"
            with self._file.open("ab") as file:
                file.write(flat.data)
        except OSError as error:
            msg = (
                f"decoded cells could not be written to {self._file or self._folder} ({error}); "
                "free some disk space, name another folder, or allow more memory"
            )
            raise TrainingError(msg) from error
        self._map = None
        self._written += flat.size
        return self._written - flat.size

    def _mapped(self) -> NDArray[Any]:
        if self._map is None:
            assert self._file is not None  # noqa: S101  a block without numbers in memory is in it
            self._map = np.memmap(self._file, self._dtype or np.uint8, mode="r")
        return self._map
