"""Exact search for many queries at once: products in 8 bits rule out what cannot be near enough.

Vectors and queries of length 1 are rounded to whole numbers of 8 bits, with one step a block of
vectors and one a query. Let v = v' + r and q = q' + s, where v' and q' are what was rounded. Then

    |q v - q' v'| = |q r + s v'| <= |r| + |s| (1 + |r|)        (Cauchy-Schwarz)

and |r| and |s| are measured, not guessed. The ``top`` greatest lower bounds that were met so far
tell how near a vector must be; only those that may be as near are compared in 32 bits. Whichever
way the numbers are rounded, the nearest are among these.

Sums of 8-bit products are exact in 32 bits. Where the processor has no instructions for them, the
products are taken in 32 bits at once, and what their rounding may do takes the place of |r|.

Legend: rows = vectors of a block, queries = vectors asked for, width = numbers in a vector,
groups = rows of which only the greatest product is looked at first.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, Int64
from torch import Tensor

Matrix = Float32[np.ndarray, " _ width"]
Places = Int64[np.ndarray, " _"]

STEP = 4_096
"""So many vectors are multiplied at a time: their products are still in the cache afterwards."""
GROUP = 8
"""So many products stand together in a group."""
FOLD = 32
"""At most so many groups are one when the bound is raised."""
CHUNK = 256
"""So many vectors are compared in 32 bits at a time, in the cache too."""
CROWD = 256
"""A query near to more groups than this, and 16 for each vector wanted, is given up."""
LEAST = -(2.0**31)
"""Below every product."""
NOWHERE = -2.0
"""The similarity of what was not found; below all others."""


def has_small_products() -> bool:
    """Tell whether this processor multiplies 8-bit numbers faster than 32-bit ones."""
    known = torch.backends.mkldnn.is_available() and torch.cpu._is_vnni_supported()  # type: ignore[no-untyped-call]
    return bool(known)


@dataclass(frozen=True, eq=False)
class Rounded:
    """Some vectors in whole steps.

    Attributes:
        values: how many steps; int8, or the vectors themselves in float32.
        step: what one is worth.
        error: the length of the longest remainder.
    """

    values: Tensor
    step: float
    error: float


@dataclass(frozen=True, eq=False)
class Block:
    """Some vectors of the file.

    Attributes:
        places: where they lie in it.
        rounded: what they are, in the same order.
        absent: which of them, by their number in the block, may not be found; rising.
    """

    places: Places
    rounded: Rounded
    absent: Places


@dataclass(frozen=True, eq=False)
class Nearest:
    """What was found; the best first.

    Attributes:
        places: of the nearest vectors.
        similar: their similarities.
        crowded: queries that must be asked in another way, since too much is about equally near.
    """

    places: Int64[np.ndarray, " queries top"]
    similar: Float32[np.ndarray, " queries top"]
    crowded: Bool[np.ndarray, " queries"]


def rounded(vectors: Matrix) -> Rounded:
    """Round vectors of length 1 to 8 bits, in steps of the greatest number / 127.

    A processor without such products gets them as they are.
    """
    if not has_small_products():
        return Rounded(torch.from_numpy(np.array(vectors)), 1.0, 0.0)
    step = max(float(vectors.max(initial=0)), -float(vectors.min(initial=0))) / 127 or 1.0
    values = torch.empty(vectors.shape, dtype=torch.int8)
    error = 0.0
    for start in range(0, len(vectors), CHUNK):
        some = torch.from_numpy(np.array(vectors[start : start + CHUNK]))
        whole = (some / step).round_()
        values[start : start + CHUNK] = whole
        error = max(error, float(some.sub_(whole, alpha=step).norm(dim=1).max()))
    return Rounded(values, step, error)


def glance(queries: Matrix, top: int, blocks: Iterable[Block], vectors: Matrix) -> Nearest:
    """Find the nearest of the vectors that blocks hold, exactly.

    Args:
        queries: vectors of length 1.
        top: how many a query; the blocks hold so many at least.
        blocks: all that may be found.
        vectors: the whole file in 32 bits.
    """
    scan = _Scan(queries, top, small=has_small_products())
    for block in blocks:
        scan.look(block)
    return scan.settled(vectors)


class _Scan:
    """What is known of a batch of queries after some blocks."""

    def __init__(self, queries: Matrix, top: int, *, small: bool) -> None:
        count, width = queries.shape
        self.queries, self.top, self.small = queries, top, small
        self.steps, self.errors = np.ones(count), np.zeros(count)
        asked = queries
        if small:
            self.steps = np.abs(queries).max(1).astype(np.float64) / 127
            self.steps[self.steps == 0] = 1
            asked = np.rint(queries / self.steps[:, None])
            self.errors = np.linalg.norm(queries - asked * self.steps[:, None], axis=1)
            asked = np.nan_to_num(asked).astype(np.int8)  # of what is no number the error tells
        self.asked = torch.from_numpy(asked).T
        self.kind = torch.int32 if small else torch.float32
        self.slack = width * 2.0**-22  # what sums in 32 bits, here and at the end, may be off
        self.best = np.zeros((count, 0))
        self.bound = np.full(count, LEAST)
        self.groups_seen = np.zeros(count, np.int64)
        self.products = self.peaks = torch.empty(0, count, dtype=self.kind)
        self.found: list[tuple[Places, Places, Float64[np.ndarray, " _"]]] = []

    def look(self, block: Block) -> None:
        """Note what a block holds that may be among the nearest."""
        peaks = self._compared(block)
        worth = block.rounded.step * self.steps
        doubt = block.rounded.error + self.errors * (1 + block.rounded.error) + self.slack
        self._raise_bound(peaks, worth, doubt)
        limit = np.maximum((self.bound - doubt) / worth, LEAST + 256)
        limit[self.crowded] = -LEAST - 256
        limit = np.floor(limit).astype(np.int32) if self.small else limit.astype(np.float32)
        near = np.flatnonzero((peaks >= torch.from_numpy(limit)).numpy())
        group, query = np.divmod(near, len(self.queries))
        self.groups_seen += np.bincount(query, minlength=len(self.queries))
        kept = ~self.crowded[query]
        group, query = group[kept], query[kept]
        stride = STEP // GROUP
        first = group // stride * STEP + group % stride
        rows = first + np.arange(GROUP)[:, None] * stride
        products = self.products.view(-1).numpy()[rows * len(self.queries) + query]
        member, pair = np.nonzero(products >= limit[query])
        query = query[pair]
        most = products[member, pair] * worth[query] + doubt[query]
        self.found.append((query, block.places[rows[member, pair]], most))

    @property
    def crowded(self) -> Bool[np.ndarray, " queries"]:
        """Which queries are near to too much, or to what is no number, which no bound holds."""
        found: Bool[np.ndarray, " queries"] = self.groups_seen > CROWD + 16 * self.top
        found[np.isnan(self.bound)] = True
        return found

    def settled(self, vectors: Matrix) -> Nearest:
        """Compare in 32 bits what may be among the nearest: first the likely ones, which tell more.

        Every query that is not crowded has found as many as are wanted: those whose lower bounds
        are its bound and above were let through.
        """
        count, crowded = len(self.queries), self.crowded
        query, place, most = (np.concatenate(some) for some in zip(*self.found, strict=True))
        kept = np.flatnonzero((most >= self.bound[query]) & ~crowded[query])
        kept = kept[np.argsort(-most[kept])]
        kept = kept[np.argsort(query[kept].astype(np.uint16), kind="stable")]
        query, place, most = query[kept], place[kept], most[kept]
        plain = np.flatnonzero(~crowded)
        likely = np.searchsorted(query, plain)[:, None] + np.arange(self.top)
        similar = np.full(len(query), NOWHERE, np.float32)
        self._compare(vectors, query, place, similar, likely.ravel())
        enough = np.zeros(count)
        enough[plain] = similar[likely].min(axis=1, initial=1)
        rest = np.flatnonzero((similar == NOWHERE) & (most >= enough[query]))
        self._compare(vectors, query, place, similar, rest)
        known = np.flatnonzero(similar > NOWHERE)
        order = known[np.lexsort((place[known], -similar[known], query[known]))]
        order = order[np.searchsorted(query[order], plain)[:, None] + np.arange(self.top)]
        places = np.zeros((count, self.top), np.int64)
        scores = np.zeros((count, self.top), np.float32)
        places[plain], scores[plain] = place[order], similar[order]
        return Nearest(places, scores, crowded)

    def _compare(
        self,
        vectors: Matrix,
        query: Places,
        place: Places,
        similar: Float32[np.ndarray, " _"],
        which: Places,
    ) -> None:
        """Write some similarities in 32 bits."""
        for start in range(0, len(which), CHUNK):
            some = which[start : start + CHUNK]
            asked = self.queries[query[some]]
            similar[some] = np.einsum("mw,mw->m", vectors[place[some]], asked)

    def _compared(self, block: Block) -> Tensor:
        """Multiply a block with all queries; give the greatest product of each group."""
        values, stride = block.rounded.values, STEP // GROUP
        steps = -(-len(values) // STEP)
        if len(self.products) < steps * STEP:
            self.products = self.products.new_empty(steps * STEP, len(self.queries))
            self.peaks = self.peaks.new_empty(steps * stride, len(self.queries))
        for step in range(steps):
            some = values[step * STEP : (step + 1) * STEP]
            products = self.products[step * STEP : (step + 1) * STEP]
            if self.small:
                torch._int_mm(some, self.asked, out=products[: len(some)])
            else:  # torch may be set to take shorter numbers for these
                np.matmul(some.numpy(), self.asked.numpy(), out=products[: len(some)].numpy())
            products[len(some) :] = LEAST
            ends = np.searchsorted(block.absent, [step * STEP, (step + 1) * STEP])
            absent = block.absent[ends[0] : ends[1]] - step * STEP
            products.index_fill_(0, torch.from_numpy(absent), LEAST)
            out = self.peaks[step * stride : (step + 1) * stride]
            torch.amax(products.view(GROUP, stride, -1), 0, out=out)
        return self.peaks[: steps * stride]

    def _raise_bound(
        self, peaks: Tensor, worth: Float64[np.ndarray, " _"], doubt: Float64[np.ndarray, " _"]
    ) -> None:
        """Tell how near the last of ``top`` vectors is at least: the best of as many groups are."""
        fold = max(1, min(FOLD, len(peaks) // (4 * self.top)))
        whole = peaks[: len(peaks) // fold * fold].view(fold, -1, len(self.queries)).amax(0)
        least = whole.numpy().T * worth[:, None] - doubt[:, None]
        best = np.concatenate([self.best, least], axis=1)
        if best.shape[1] > self.top:
            best = np.partition(best, best.shape[1] - self.top, axis=1)[:, -self.top :]
        self.best = best
        if best.shape[1] == self.top:
            self.bound = best.min(axis=1)
