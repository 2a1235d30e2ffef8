"""Features of frozen encoders on disk: computed once a cell, shared by fits and by processes.

A folder holds one book a kind of features (an encoder, its weights, its preprocessing). A book is
a file of bare numbers, read through a memory map, and a table in SQLite that says whose they are.
What a crash leaves at the end of the file is written over; a changed entry is computed again.
The books used longest ago go first when there is no room.
"""

import os
import shutil
import sqlite3
import time
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

Features = Float32[np.ndarray, " _time _features"]

FOLDER, LIMIT = "SENSORIUM_CACHE", "SENSORIUM_CACHE_GB"
"""Environment variables: where the cache lies, and how large it may grow, GB; 0 does without."""
GIGABYTES = 10.0
TABLE, NUMBERS = "entries.sqlite", "features.f32"
WAIT = 60.0
"""Seconds that one process waits for another's writing."""
MADE = """
CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, start INTEGER NOT NULL,
    steps INTEGER NOT NULL, width INTEGER NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID
"""


def default_folder() -> Path:
    """Tell where features are kept: $SENSORIUM_CACHE, else the user's cache folder."""
    if named := os.environ.get(FOLDER):
        return Path(named).expanduser() / "features"
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "sensorium" / "features"


def default_limit() -> int:
    """Tell how many bytes of features may be kept: $SENSORIUM_CACHE_GB, else 10 GB."""
    try:
        return int(float(os.environ.get(LIMIT) or GIGABYTES) * 1e9)
    except (ValueError, OverflowError):
        return int(GIGABYTES * 1e9)


@contextmanager
def limited(gigabytes: float | None) -> Iterator[None]:
    """Let features take so much of the disk meanwhile; 0 keeps none, None changes nothing."""
    before = os.environ.get(LIMIT)
    if gigabytes is not None:
        os.environ[LIMIT] = str(gigabytes)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(LIMIT, None)
        else:
            os.environ[LIMIT] = before


@dataclass(frozen=True)
class Book:
    """The features of one encoder, one preprocessing, by the digest of the cell.

    Attributes:
        name: names the encoder, its weights and the preprocessing.
        folder: holds all books; None takes ``default_folder()``.
        limit: bytes that all books may take together; None takes ``default_limit()``.
    """

    name: str
    folder: Path | None = None
    limit: int | None = None

    @property
    def place(self) -> Path:
        """Its own folder."""
        return (self.folder or default_folder()) / self.name

    @property
    def room(self) -> int:
        """How many bytes all books may take."""
        return default_limit() if self.limit is None else self.limit

    def find(self, keys: Sequence[bytes]) -> dict[bytes, Features]:
        """Give what is kept for these keys: views into the memory map; do not write to them.

        An entry that was changed or cut off is left out, and said, so that it is computed again.
        """
        if self.room <= 0 or not (self.place / TABLE).is_file():
            return {}
        try:
            with self._open() as table:
                entries = _entries(table, keys)
            numbers = self._numbers() if entries else None
        except (OSError, ValueError, sqlite3.Error) as error:
            self._give_up(f"the features kept in {self.place} cannot be read", error)
            return {}
        if numbers is None:
            return {}
        with suppress(OSError):
            os.utime(self.place)
        found, bad = {}, 0
        for key, start, steps, width, crc in entries:
            values = numbers[start : start + steps * width]
            if len(values) == steps * width and zlib.crc32(values.data) == crc:
                found[key] = values.reshape(steps, width)
            else:
                bad += 1
        if bad:
            _say(f"features kept in {self.place} were damaged, {bad} in all")
        return found

    def keep(self, entries: dict[bytes, Features]) -> bool:
        """Keep features; returns whether there was room. Safe beside other processes."""
        size = sum(values.nbytes for values in entries.values())
        if not entries or not self._make_room(size):
            return False
        try:
            self.place.mkdir(parents=True, exist_ok=True)
            with self._open() as table:
                table.execute("BEGIN IMMEDIATE")
                (end,) = table.execute("SELECT MAX(start + steps * width) FROM entries").fetchone()
                rows = self._write(entries, end or 0)
                table.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)", rows)
                table.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            self._give_up(f"features cannot be kept in {self.place}", error)
            return False
        return True

    def _give_up(self, what: str, error: Exception) -> None:
        """Say what went wrong; a table that is torn goes away, so that the next one is whole."""
        if type(error) is sqlite3.DatabaseError:
            shutil.rmtree(self.place, ignore_errors=True)
        _say(f"{what} ({error})")

    def _numbers(self) -> NDArray[np.float32]:
        """Map the file; half a number at its end is what a crash left."""
        path = self.place / NUMBERS
        count = path.stat().st_size // 4
        return (
            np.memmap(path, np.float32, "r", shape=(count,)) if count else np.zeros(0, np.float32)
        )

    def _write(
        self, entries: dict[bytes, Features], end: int
    ) -> list[tuple[bytes, int, int, int, int]]:
        rows = []
        path = self.place / NUMBERS
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.seek(4 * end)
            for key, values in entries.items():
                flat = np.ascontiguousarray(values, np.float32)
                rows.append((key, end, *flat.shape, zlib.crc32(flat.data)))
                file.write(flat.data)
                end += flat.size
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        return rows

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.place / TABLE, WAIT, isolation_level=None)) as table:
            table.execute(MADE)
            yield table

    def _make_room(self, size: int) -> bool:
        """Drop the books used longest ago until there is room; never this one."""
        own = _size(self.place)
        if own + size > self.room:
            return False
        books = {path: _size(path) for path in self.place.parent.glob("*/") if path != self.place}
        taken = sum(books.values()) + own
        for path in sorted(books, key=_used):
            if taken + size <= self.room:
                break
            shutil.rmtree(path, ignore_errors=True)
            taken -= books[path]
        return taken + size <= self.room


def _entries(
    table: sqlite3.Connection, keys: Sequence[bytes]
) -> list[tuple[bytes, int, int, int, int]]:
    found = []
    for start in range(0, len(keys), 500):
        some = list(keys[start : start + 500])
        marks = ",".join("?" * len(some))
        question = f"SELECT key, start, steps, width, crc FROM entries WHERE key IN ({marks})"  # noqa: S608
        found += table.execute(question, some).fetchall()
    return found


def _size(folder: Path) -> int:
    try:
        return sum(file.stat().st_size for file in folder.iterdir())
    except OSError:
        return 0


def _used(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return time.time()


def _say(what: str) -> None:
    warnings.warn(f"{what}; they are computed again", UserWarning, stacklevel=3)
