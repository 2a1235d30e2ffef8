"""More than two sides at once: a loss for each pair, over the rows that have both.

Girdhar et al. 2023 (ImageBind): all sides are tied to one anchor, and so to one another.

Legend: batch = rows, kept = rows that have both sides of a pair, width = features.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sensorium.core.errors import PartError, nearest

PairLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(Float[left width], Float[right width], positives: Bool[left right]) -> Float[]; must give 0 for
no rows. ``Contrastive()`` and ``Sigmoid()`` are such losses."""


@dataclass(frozen=True, eq=False)
class Side:
    """One of the things that are to be aligned.

    Attributes:
        vectors: what each row's cell became.
        present: which rows have the cell at all.
        keys: what each cell is, as a number, such as a hash of its content: cells of one key are
            the same thing. None takes all cells for different.
    """

    vectors: Float[Tensor, " batch width"]
    present: Bool[Tensor, " batch"]
    keys: Int[Tensor, " batch"] | None = None


def many(
    sides: Mapping[str, Side], loss: PairLoss, anchor: str | None = None
) -> dict[str, Float[Tensor, ""]]:
    """Give the loss of each pair of sides by its name, such as ``"photo~caption"``.

    Rows that lack either side are left out of that pair, as if the batch did not hold them. A pair
    that no row has costs 0, with a graph behind it.

    Args:
        sides: what is to be aligned, by name; of the same rows.
        loss: of one pair.
        anchor: pair this side with every other; None pairs all with all.

    Errors:
        PartError: fewer than two sides, sides of different rows, or an anchor that is none of them.
    """
    _check(sides, anchor)
    names = list(sides)
    pairs = (
        combinations(names, 2) if anchor is None else ((anchor, n) for n in names if n != anchor)
    )
    return {f"{a}~{b}": _pair(sides[a], sides[b], loss) for a, b in pairs}


def _pair(left: Side, right: Side, loss: PairLoss) -> Tensor:
    kept = left.present & right.present
    keys = [
        torch.arange(len(kept), device=kept.device) if s.keys is None else s.keys
        for s in (left, right)
    ]
    positives = duplicates(keys[0][kept], keys[1][kept])
    return loss(left.vectors[kept], right.vectors[kept], positives)


def duplicates(
    left_keys: Int[Tensor, " kept"], right_keys: Int[Tensor, " kept"]
) -> Bool[Tensor, " kept kept"]:
    """Say which lefts belong to which rights, when cells occur more than once.

    Row k says that its left and its right belong together; so left i and right j do if some row
    holds the same left as i and the same right as j. That covers i = j, equal lefts (k = j), equal
    rights (k = i), and a third row that ties the two. It is one step: that two lefts share a right
    does not make all rights of the one belong to the other.

    Args:
        left_keys: equal where the lefts are the same thing.
        right_keys: equal where the rights are.
    """
    lefts, left = torch.unique(left_keys, return_inverse=True)
    rights, right = torch.unique(right_keys, return_inverse=True)
    paired = torch.zeros(len(lefts), len(rights), dtype=torch.bool, device=left.device)
    paired[left, right] = True
    return paired[left[:, None], right[None, :]]


def _check(sides: Mapping[str, Side], anchor: str | None) -> None:
    if len(sides) < 2:
        msg = f"aligning needs two sides at least; found {list(sides)}"
        raise PartError(msg)
    rows = {name: len(side.vectors) for name, side in sides.items()}
    if len(set(rows.values())) > 1:
        msg = f"the sides of an alignment need the same rows; found {rows}"
        raise PartError(msg)
    if anchor is not None and anchor not in sides:
        msg = f"the anchor {anchor!r} is no side{nearest(anchor, sides)}"
        raise PartError(msg)
