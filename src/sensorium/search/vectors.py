"""Unit vectors in a file of bare 32-bit floats, and the exact search for the nearest of them.

The file is only ever appended to, and read through a memory map: it opens in no time, and what no
search touches takes no memory. It knows places (0, 1, ... in the file), not rows.

Legend: places = vectors in the file, queries = vectors asked for, width = numbers in a vector.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64

from sensorium.core.errors import ArtifactError
from sensorium.search.glance import (
    NOWHERE,
    Block,
    Matrix,
    Places,
    Rounded,
    glance,
    has_small_products,
    rounded,
)

BLOCK = 16_384
"""So many vectors are rounded alike and compared at once with a batch of queries."""
CLOSELY = 64
"""So many queries are compared at once in fp32."""
BATCH = 8
"""From so many queries on, 8 bits look first and fp32 looks closer."""
FEW = 64
"""Of fewer vectors than so many times those wanted, fp32 decides at once."""
MANY = 512
"""So many queries are looked at together."""
KEPT = 2**29
"""So many numbers at most are kept in 8 bits between batches."""


def unit(vectors: Matrix) -> Matrix:
    """Bring vectors to length 1; those of length 0 stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)


class Vectors:
    """A file of unit vectors.

    Args:
        file: where they lie; it may not exist yet.
        width: numbers in a vector.
        count: how many vectors count; what lies behind them in the file does not.
    """

    def __init__(self, file: Path, width: int, count: int = 0) -> None:
        self.file = file
        self.width = width
        self.count = count
        self._rounded: list[Rounded] = []

    @property
    def matrix(self) -> Matrix:
        """All vectors, through a memory map.

        Errors:
            ArtifactError: the file is gone or too short.
        """
        if not self.count:
            return np.zeros((0, self.width), np.float32)
        size = self.file.stat().st_size if self.file.is_file() else 0
        if size < 4 * self.count * self.width:
            msg = f"{self.file} holds {size:,} bytes, {4 * self.count * self.width:,} are needed"
            raise ArtifactError(f"{msg}; make the index anew")
        return np.memmap(self.file, np.float32, "r", shape=(self.count, self.width))

    def append(self, vectors: Matrix) -> Places:
        """Add vectors, bring them to length 1, and wait until they are on disk; give their places.

        What a crash left behind the vectors that count is written over.
        """
        self.file.touch()
        with self.file.open("r+b") as stream:
            stream.seek(self.count * self.width * 4)
            stream.write(np.ascontiguousarray(unit(vectors)).data)
            stream.truncate()
            stream.flush()
            os.fsync(stream.fileno())
        places = np.arange(self.count, self.count + len(vectors))
        self.count += len(vectors)
        return places

    def nearest(
        self, queries: Matrix, top: int, among: Places
    ) -> tuple[Int64[np.ndarray, " queries top"], Float32[np.ndarray, " queries top"]]:
        """Find the vectors of the greatest cosine similarity; exactly, the best first.

        Args:
            queries: vectors of any length.
            top: how many a query; fewer come where there are fewer.
            among: the places that may be found, rising.

        Returns:
            Places and similarities.
        """
        queries, top = unit(queries), min(top, len(among))
        if top == 0:
            return np.zeros((len(queries), 0), np.int64), np.zeros((len(queries), 0), np.float32)
        if len(queries) < BATCH or FEW * top > len(among):
            return self._closely(queries, top, among)
        found = [
            self._at_a_glance(queries[start : start + MANY], top, among)
            for start in range(0, len(queries), MANY)
        ]
        return np.concatenate([one for one, _ in found]), np.concatenate([two for _, two in found])

    def _at_a_glance(
        self, queries: Matrix, top: int, among: Places
    ) -> tuple[Int64[np.ndarray, " queries top"], Float32[np.ndarray, " queries top"]]:
        found = glance(queries, top, self._blocks(among), self.matrix)
        if found.crowded.any():
            closely = self._closely(queries[found.crowded], top, among)
            found.places[found.crowded], found.similar[found.crowded] = closely
        return found.places, found.similar

    def rows(self, among: Places) -> Matrix:
        """Give some vectors; without a copy where they lie side by side."""
        if len(among) and among[-1] - among[0] + 1 == len(among):
            return np.asarray(self.matrix[among[0] : among[-1] + 1])
        return np.asarray(self.matrix[among])

    def _closely(
        self, queries: Matrix, top: int, among: Places
    ) -> tuple[Int64[np.ndarray, " queries top"], Float32[np.ndarray, " queries top"]]:
        span = self.matrix[among[0] : among[-1] + 1]
        most = 4 * len(among) > len(span)  # to compare with all is quicker then than to copy some
        matrix = span if most else self.rows(among)
        best = [np.zeros((0, top), np.int64)]
        for start in range(0, len(queries), CLOSELY):
            similar = queries[start : start + CLOSELY] @ matrix.T
            if len(among) < len(matrix):
                similar = similar[:, among - among[0]]
            best.append(np.argpartition(similar, len(among) - max(1, top), axis=1)[:, -top:])
        return self.ranked(queries, among[np.concatenate(best)])

    def ranked(
        self, queries: Matrix, places: Int64[np.ndarray, " queries top"]
    ) -> tuple[Int64[np.ndarray, " queries top"], Float32[np.ndarray, " queries top"]]:
        """Order places by the cosine similarity to queries of length 1; those below 0 come last."""
        similar = np.einsum("qw,qtw->qt", queries, self.matrix[places])
        similar[places < 0] = NOWHERE
        order = np.lexsort((places, -similar), axis=1)  # of equals found, the first in the file
        return np.take_along_axis(places, order, 1), np.take_along_axis(similar, order, 1)

    def _blocks(self, among: Places) -> Iterator[Block]:
        """Give all that may be found, rounded; what was rounded before is kept."""
        span = among[-1] + 1 - among[0]
        if has_small_products() and self.count * self.width <= KEPT and 3 * len(among) > span:
            allowed = np.zeros(self.count, np.bool_)
            allowed[among] = True
            for number, block in enumerate(self._coarse):
                places = np.arange(number * BLOCK, number * BLOCK + len(block.values))
                there = allowed[places]
                if there.any():
                    yield Block(places, block, np.flatnonzero(~there))
            return
        for start in range(0, len(among), BLOCK):
            places = among[start : start + BLOCK]
            yield Block(places, rounded(self.rows(places)), places[:0])

    @property
    def _coarse(self) -> list[Rounded]:
        """All vectors in 8 bits; kept, for whoever asks by batches asks again."""
        if sum(len(block.values) for block in self._rounded) != self.count:
            whole = [block for block in self._rounded if len(block.values) == BLOCK]
            starts = range(len(whole) * BLOCK, self.count, BLOCK)
            self._rounded = whole + [rounded(self.matrix[at : at + BLOCK]) for at in starts]
        return self._rounded


def best_of(
    queries: Matrix, matrix: Matrix, top: int
) -> tuple[Int64[np.ndarray, " queries top"], Float32[np.ndarray, " queries top"]]:
    """Find the rows of a matrix nearest to queries, all of length 1: in no order, exactly scored.

    Fewer come where there are fewer.
    """
    top, similar = min(top, len(matrix)), queries @ matrix.T
    if top == 0:
        return np.zeros((len(queries), 0), np.int64), similar[:, :0]
    chosen = np.argpartition(similar, len(matrix) - top, axis=1)[:, -top:]
    return chosen, np.einsum("qw,qtw->qt", queries, matrix[chosen])


def in_order(
    ids: Int64[np.ndarray, " queries found"],
    similar: Float32[np.ndarray, " queries found"],
    top: int,
) -> tuple[Int64[np.ndarray, " queries top"], Float32[np.ndarray, " queries top"]]:
    """Order what was found by similarity, and keep the best; of equals the lowest id."""
    order = np.lexsort((ids, -similar), axis=1)[:, :top]
    return np.take_along_axis(ids, order, 1), np.take_along_axis(similar, order, 1)
