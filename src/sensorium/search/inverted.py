"""An inverted file over coded vectors: search that looks at some of them, for big collections.

Every vector lies in the list of the centre that is nearest to it, coded in 4 bits for each 4 of its
numbers (product quantisation, Jégou et al. 2011; scanned in registers, André et al. 2015). A query
is compared with the codes of the nearest lists, and the best of those in 32 bits with the vectors
themselves. It knows places in a file of vectors, not rows. It needs the package faiss.

Legend: places = vectors in the file, queries = vectors asked for, width = numbers in a vector.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from sensorium.core.errors import ArtifactError, ExtraError
from sensorium.search.glance import Matrix, Places
from sensorium.search.vectors import BLOCK, Vectors, unit

HELD = 256
"""So many vectors are held out while recall is measured; never more than a tenth of all."""
MIXED = 3
"""The queries that measure are the means of so many of them: rarely is a query a row's twin."""
TOP = 10
"""Recall is measured among so many nearest."""
ENOUGH = 0.98
"""Until these queries find such a share, more is looked at."""
DEPTHS = (100, 200, 400, 800)
"""So many of the best codes are compared in 32 bits, and ``TIMES`` as many as rows are wanted."""
TIMES = 10
CLOSELY = 8
"""So many queries are compared with their candidates at once, which lie in the cache then."""
WHOLE = 0.9
"""Where a smaller share of the vectors is left, a query looks into every list."""
SAMPLE = 50
"""The centres are learned from so many vectors for each."""
FEWEST = 64
"""Fewer vectors teach no codes."""


def check_faiss() -> None:
    """Refuse to go on without the package.

    Errors:
        ExtraError: it is not installed.
    """
    _faiss()


@dataclass(frozen=True)
class Reach:
    """How far a query looks.

    Attributes:
        probes: into so many lists.
        depth: at so many of the best codes in them again, in 32 bits.
        recall: the share of the ten nearest that was found so, by means of vectors held out.
    """

    probes: int
    depth: int
    recall: float = 0.0


class Inverted:
    """Some vectors of a file, sorted into lists.

    Args:
        lists: the lists, as faiss keeps them.
        count: all places that are sorted lie below.
        reach: how far a query looks.
    """

    def __init__(self, lists: Any, count: int, reach: Reach) -> None:
        self.count = count
        self.reach = reach
        self._lists = lists

    def __len__(self) -> int:
        return int(self._lists.ntotal)

    @classmethod
    def build(cls, vectors: Vectors, places: Places, seed: int = 0) -> "Inverted":
        """Sort vectors, and measure with how many lists a query finds enough.

        Args:
            vectors: the file.
            places: those to be sorted, rising.
            seed: which of them are held out, and from which the centres are learned.

        Errors:
            ExtraError: faiss is not installed.
        """
        random = np.random.default_rng(seed)
        chosen = random.choice(len(places), min(HELD, len(places) // 10), replace=False)
        held, rest = places[chosen], np.delete(places, chosen)
        count = max(1, int(2 * math.sqrt(len(rest))))
        sample = rest[np.sort(random.permutation(len(rest))[: SAMPLE * count])]
        lists = _learned(vectors.matrix[sample], count, seed)
        for start in range(0, len(rest), BLOCK):
            some = rest[start : start + BLOCK]
            lists.add_with_ids(_padded(vectors.rows(some)), some)
        made = cls(lists, int(places[-1]) + 1, Reach(count, DEPTHS[0]))
        made._measure(vectors, held, rest)
        lists.add_with_ids(_padded(vectors.matrix[held]), held)
        return made

    @classmethod
    def open(cls, file: Path, count: int, reach: Reach) -> "Inverted":
        """Read what ``save`` wrote.

        Errors:
            ExtraError: faiss is not installed.
            ArtifactError: the file is gone, or not what it should be.
        """
        faiss = _faiss()
        try:
            lists = faiss.read_index(str(file))
        except RuntimeError as error:
            msg = f"{file} cannot be read ({str(error).splitlines()[0]})"
            raise ArtifactError(msg) from error
        return cls(lists, count, reach)

    def save(self, file: Path) -> None:
        """Write the lists."""
        _faiss().write_index(self._lists, str(file))

    def nearest(
        self,
        vectors: Vectors,
        queries: Matrix,
        top: int,
        among: Places,
        *,
        chosen: bool = False,
    ) -> tuple[Int64[np.ndarray, " queries top"], Float32[np.ndarray, " queries top"]]:
        """Find vectors of great cosine similarity; nearly always the greatest, the best first.

        What is not sorted into lists is compared all the same, every vector of it.

        Args:
            vectors: the file, of which some may have been added since.
            queries: vectors of any length.
            top: how many a query; fewer come where there are fewer.
            among: the places that may be found, rising.
            chosen: they were chosen by something that may have to do with the query; then the
                nearest may lie far away, and every list is looked into.
        """
        queries, top = unit(queries), min(top, len(among))
        sorted_ones, late = np.split(among, [int(np.searchsorted(among, self.count))])
        found = self._candidates(queries, top, sorted_ones, chosen=chosen)
        if len(late):
            found = np.concatenate([found, vectors.nearest(queries, top, late)[0]], axis=1)
        places, similar = self._ranked(vectors, queries, found, top)
        short = (places < 0).any(axis=1)
        if short.any():
            places[short], similar[short] = vectors.nearest(queries[short], top, among)
        return places, similar

    def _candidates(
        self, queries: Matrix, top: int, among: Places, *, chosen: bool = False
    ) -> Int64[np.ndarray, " queries some"]:
        """Compare with codes; -1 stands where a query found no more."""
        faiss, share = _faiss(), len(among) / max(1, len(self))
        depth = max(1, min(max(self.reach.depth, TIMES * top), len(among)))
        some = None
        if len(among) < len(self):
            allowed = np.zeros(self.count, np.bool_)
            allowed[among] = True
            some = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
        every = int(self._lists.nlist)
        probes = min(every, self.reach.probes * math.ceil(top / TOP))
        if chosen or share < WHOLE:
            probes = every

        def looked(asked: Matrix, probes: int) -> Int64[np.ndarray, " queries some"]:
            how = faiss.SearchParametersIVF(nprobe=probes, sel=some)
            return np.asarray(self._lists.search(_padded(asked), depth, params=how)[1])

        found = looked(queries, probes)
        short = found[:, depth // 4] < 0  # the lists near it hold little that may be found
        if probes < every and short.any():
            found[short] = looked(queries[short], every)
        return found

    def _ranked(
        self, vectors: Vectors, queries: Matrix, found: Int64[np.ndarray, " queries some"], top: int
    ) -> tuple[Int64[np.ndarray, " queries top"], Float32[np.ndarray, " queries top"]]:
        best = []
        for start in range(0, len(queries), CLOSELY):
            some = slice(start, start + CLOSELY)
            best.append([one[:, :top] for one in vectors.ranked(queries[some], found[some])])
        places, similar = zip(*best, strict=True)
        return np.concatenate(places), np.concatenate(similar)

    def _measure(self, vectors: Vectors, held: Places, rest: Places) -> None:
        """Look farther until means of those held out find enough of the rest."""
        mixed = [np.roll(vectors.matrix[held], number, axis=0) for number in range(MIXED)]
        asked, top, every = unit(np.sum(mixed, 0)), min(TOP, len(rest)), int(self._lists.nlist)
        truth = vectors.nearest(asked, top, rest)[0]

        def enough(probes: int, depth: int) -> bool:
            self.reach = Reach(min(probes, every), depth)
            found = self._ranked(vectors, asked, self._candidates(asked, top, rest), top)[0]
            pairs = zip(truth, found, strict=True)
            recall = float(np.mean([len(np.intersect1d(a, b)) / top for a, b in pairs]))
            self.reach = Reach(min(probes, every), depth, recall)
            return recall >= ENOUGH

        depth = 2 * next((some for some in DEPTHS if enough(every, some)), DEPTHS[-1])
        probes = 2 * math.ceil(depth * every / len(rest))
        while not enough(probes, depth) and probes < every:
            probes *= 2


def _learned(sample: Matrix, count: int, seed: int) -> Any:
    faiss, vectors = _faiss(), _padded(sample)
    width = vectors.shape[1]
    lists = faiss.index_factory(width, f"IVF{count},PQ{width // 4}x4fs", faiss.METRIC_INNER_PRODUCT)
    for learning in (lists.cp, lists.pq.cp):
        learning.seed = seed + 1
        learning.min_points_per_centroid = 1  # it would complain to the screen
    lists.train(vectors)
    return lists


def _padded(vectors: Matrix) -> Float32[np.ndarray, " _ padded"]:
    """Fill up with zeros to a width of fours; products stay."""
    lacking = -vectors.shape[1] % 4
    return np.pad(vectors, ((0, 0), (0, lacking))) if lacking else np.ascontiguousarray(vectors)


def _faiss() -> ModuleType:
    try:
        import faiss  # noqa: PLC0415  an extra, needed only for big collections
    except ImportError as error:
        raise ExtraError("faiss-cpu", "search", "Fast search of many vectors") from error
    return faiss
