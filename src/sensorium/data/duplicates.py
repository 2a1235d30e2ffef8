"""Near-duplicates: texts alike but for case, marks and a few words; pictures alike to the eye.

Groups are numbers, one a row: rows of one group are near-duplicates of each other. They serve to
find leaks across splits, and as the group column that prevents them.
"""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise
from typing import Any
from zlib import crc32

import numpy as np
from jaxtyping import Float32, Int64, UInt64

from sensorium.core.errors import CellError
from sensorium.core.seed import numpy_generator
from sensorium.media import read_picture

Groups = Int64[np.ndarray, " rows"]
"""One number a row; rows alone have a number of their own."""

Runs = UInt64[np.ndarray, " runs"]
Thumbnail = Float32[np.ndarray, "side side"]

SIMILAR = 0.8
"""Texts that share so much of their runs of letters (Jaccard) are near-duplicates."""

_RUN = 5
_SHORT = 20
_HASHES = 64
_BANDS = 16
_PRIME = (1 << 61) - 1
_SIDE = 16
_FINER = 4  # decoders differ in how they scale far down
_CLOSE = 2.5
_FAR = 16.0
_MOST_COMPARED = 64


class Clusters:
    """Joins rows into groups (union-find)."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def find(self, row: int) -> int:
        """Give the row that stands for a row's group."""
        while self._above[row] != row:
            self._above[row] = self._above[self._above[row]]
            row = self._above[row]
        return row

    def join(self, left: int, right: int) -> None:
        """Put the groups of two rows together."""
        low, high = sorted((self.find(left), self.find(right)))
        self._above[high] = low

    def groups(self) -> Groups:
        """Give each row's group."""
        return np.array([self.find(row) for row in range(len(self._above))], dtype=np.int64)


def normal(text: str) -> str:
    """Fold case, and leave out everything but letters and digits."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def of_texts(cells: Sequence[Any]) -> Groups:
    """Group near-duplicate texts; cells that are no texts, or shorter than 20 letters, stay alone.

    Texts are alike if they are equal once normalised; and, from 40 letters on, if four fifths of
    their five-letter runs are shared (found by MinHash: Broder, "On the resemblance and
    containment of documents", 1997).
    """
    clusters = Clusters(len(cells))
    texts = {row: normal(cell) for row, cell in enumerate(cells) if isinstance(cell, str)}
    firsts: dict[str, int] = {}
    for row, text in texts.items():
        if len(text) >= _SHORT:
            clusters.join(firsts.setdefault(text, row), row)
    runs = {row: _runs(text) for text, row in firsts.items() if len(text) >= 8 * _RUN}
    for left, right in _candidates(_signatures(runs)):
        shared = len(np.intersect1d(runs[left], runs[right], assume_unique=True))
        if shared >= SIMILAR * (len(runs[left]) + len(runs[right]) - shared):
            clusters.join(left, right)
    return clusters.groups()


def _runs(text: str) -> Runs:
    letters = text.encode("utf-32-le", "replace")
    hashes = {crc32(letters[4 * i : 4 * (i + _RUN)]) for i in range(len(text) - _RUN + 1)}
    return np.array(sorted(hashes), dtype=np.uint64)


def _signatures(runs: dict[int, Runs]) -> dict[int, list[Hashable]]:
    """Give each row's MinHash bands: near rows share one with high probability."""
    random = numpy_generator(0, "minhash")
    factor = random.integers(1, 1 << 31, (_HASHES, 1), dtype=np.uint64) | np.uint64(1)
    offset = random.integers(0, 1 << 31, (_HASHES, 1), dtype=np.uint64)
    width = _HASHES // _BANDS
    found: dict[int, list[Hashable]] = {}
    for row, of in runs.items():
        mixed = (factor * of[None, :] + offset) % np.uint64(_PRIME)
        least = mixed.min(axis=1)
        found[row] = [(b, least[b * width : (b + 1) * width].tobytes()) for b in range(_BANDS)]
    return found


def _candidates(bands: dict[int, list[Hashable]]) -> Iterable[tuple[int, int]]:
    """Give pairs of rows that share a band."""
    buckets: dict[Hashable, list[int]] = defaultdict(list)
    for row, of in bands.items():
        for band in of:
            buckets[band].append(row)
    pairs: set[tuple[int, int]] = set()
    for rows in buckets.values():
        pairs.update(pairwise(rows))
        pairs.update((rows[0], row) for row in rows[1:_MOST_COMPARED])
    return sorted(pairs)


def thumbnail(cell: Any) -> Thumbnail | None:
    """Shrink a picture to 16 x 16 grey; None if it is damaged.

    Args:
        cell: a picture cell; files as absolute paths.
    """
    try:
        pixels = read_picture(cell, _SIDE * _FINER, 1, "stretch")[0].astype(np.float32)
    except CellError:
        return None
    return np.asarray(pixels.reshape(_SIDE, _FINER, _SIDE, _FINER).mean((1, 3)))


def of_thumbnails(thumbnails: Sequence[Thumbnail | None]) -> Groups:
    """Group near-duplicate pictures by their thumbnails; rows without one stay alone.

    Candidates share a part of a perceptual hash (which of two neighbouring places is lighter);
    they are alike if their thumbnails differ by less than 2.5 of 255 on average, and nowhere by 16.
    """
    clusters = Clusters(len(thumbnails))
    known = {row: of for row, of in enumerate(thumbnails) if of is not None}
    for left, right in _candidates({row: _bands(of) for row, of in known.items()}):
        apart = np.abs(known[left] - known[right])
        if apart.mean() < _CLOSE and apart.max() < _FAR:
            clusters.join(left, right)
    return clusters.groups()


def _bands(of: Thumbnail) -> list[Hashable]:
    small = of.reshape(_SIDE // 2, 2, _SIDE // 2, 2).mean((1, 3))
    steps = np.diff(np.concatenate([small, small[:, :1]], axis=1), axis=1) > 0
    return [(place, band.tobytes()) for place, band in enumerate(np.split(steps, 4))]
