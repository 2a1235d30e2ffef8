"""Unit vectors in a file of bare 32-bit floats, and the exact search for the nearest of them.

The file is only ever appended to, and read through a memory map: it opens in no time, and what no
search touches takes no memory. It knows places (0, 1, ... in the file), not rows.

Legend: places = vectors in the file, queries = vectors asked for, width = numbers in a vector.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64

from sensorium.core.errors import ArtifactError

Matrix = Float32[np.ndarray, " _ width"]
Places = Int64[np.ndarray, " _"]

BLOCK = 16_384
"""So many vectors are compared at once with a batch of queries."""
CLOSELY = 64
"""So many queries are compared at once in fp32."""
BATCH = 8
"""From so many queries on, bf16 looks first and fp32 looks closer."""
KEPT = 2**28
"""So many numbers at most are kept in bf16 between batches."""
NOWHERE = -2.0
"""The similarity of what was not found; below all others."""
DOUBT = 0.012
"""A product of two unit vectors in bf16 lies nearer than this to the truth (2 * 2**-8 + 2**-9)."""


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
        self._rounded = torch.zeros(0, width, dtype=torch.bfloat16)

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
        if len(queries) < BATCH:
            return self._closely(queries, top, among)
        places, doubtful = self._at_a_glance(queries, top, among)
        if doubtful.any():
            places[doubtful] = self._closely(queries[doubtful], top, among)[0]
        return self.ranked(queries, places)

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

    def _at_a_glance(
        self, queries: Matrix, top: int, among: Places
    ) -> tuple[Int64[np.ndarray, " queries top"], Bool[np.ndarray, " queries"]]:
        """Search in bf16, keep more than are wanted, and say of which queries fp32 must decide."""
        wide = min(max(4 * top, 64), len(among))
        asked = torch.from_numpy(queries).bfloat16()
        best, found = torch.zeros(len(queries), 0), torch.zeros(len(queries), 0, dtype=torch.long)
        for some, vectors in self._blocks(among):
            similar = asked @ vectors.T
            kept = similar.topk(min(wide, similar.shape[1]), dim=1)
            best = torch.cat([best, kept.values.float()], 1)
            found = torch.cat([found, some[kept.indices]], 1)
            most = best.topk(min(wide, best.shape[1]), dim=1)
            best, found = most.values, found.gather(1, most.indices)
        places, truly = self.ranked(queries, found.numpy())
        if wide == len(among):
            return places[:, :top], np.zeros(len(queries), np.bool_)
        return places[:, :top], truly[:, top - 1] <= best[:, -1].numpy() + DOUBT

    def _blocks(self, among: Places) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        coarse, whole = None, len(among) == self.count
        if self.count * self.width <= KEPT:
            coarse = self._coarse
        for start in range(0, len(among), BLOCK):
            block = among[start : start + BLOCK]
            some = torch.from_numpy(block)
            if coarse is None:
                yield some, torch.from_numpy(np.array(self.rows(block))).bfloat16()
            else:
                yield some, coarse[start : start + BLOCK] if whole else coarse[some]

    @property
    def _coarse(self) -> torch.Tensor:
        """All vectors in bf16; kept, for whoever asks by batches asks again."""
        if len(self._rounded) != self.count:
            blocks = [
                torch.from_numpy(np.array(self.matrix[start : start + BLOCK])).bfloat16()
                for start in range(0, self.count, BLOCK)
            ]
            self._rounded = torch.cat(blocks)
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
