"""Tensor fusion: the outer product of all columns' vectors, each with a 1 appended.

It holds every product of features of every choice of columns. Zadeh et al. 2017, "Tensor Fusion
Network for Multimodal Sentiment Analysis".
"""

from collections.abc import Sequence

import torch
from torch import nn

from sensorium.core.batch import Encoded, Fused
from sensorium.core.errors import PartError
from sensorium.fusion.fusion import Fusion, as_fused, projected, stacked

MOST = 16_384
"""The most numbers that an outer product may have."""


def outer(vectors: torch.Tensor) -> torch.Tensor:
    """Multiply the vectors of all parts, each with a 1 appended.

    Args:
        vectors: Float[batch parts size].

    Returns:
        Float[batch (size + 1) ** parts]; a part's vector of zeros leaves the products without it.
    """
    ended = torch.cat([vectors, torch.ones_like(vectors[..., :1])], -1)
    product = ended[:, 0]
    for part in ended.unbind(1)[1:]:
        product = torch.einsum("bi,bj->bij", product, part).flatten(1)
    return product


class Tensor(Fusion):
    """Z = W ([x_1; 1] (x) ... (x) [x_n; 1]) of columns projected to a small size.

    An absent column's x is 0: all products with it vanish, all others stay.
    """

    def __init__(self, width: int, size: int = 0) -> None:
        """Choose the size.

        Args:
            width: the common width.
            size: features of each column in the product; 0 takes the most that keep the product
                at 4,096 numbers, and 32 at most.
        """
        super().__init__(width)
        self.size = size

    def build(self, parts: int) -> None:
        """Make a projection a column, and one for the product.

        Errors:
            PartError: the product would be too large.
        """
        size = self.size or max(1, min(32, int(4_096 ** (1 / parts) + 1e-9) - 1))
        if (size + 1) ** parts > MOST:
            msg = (
                f"Tensor of {parts} columns at size {size} would have {(size + 1) ** parts:,} "
                f"products, more than {MOST:,}; take a smaller size, or LowRankTensor"
            )
            raise PartError(msg)
        self.projections = nn.ModuleList(nn.Linear(self.width, size) for _ in range(parts))
        self.out = nn.Linear((size + 1) ** parts, self.width)
        # The default would treat all products as equally large, but most are products of small
        # numbers: projected features start with a variance of 1/3, the appended 1 is a 1.
        nn.init.normal_(self.out.weight, std=(1 + size / 3) ** (-parts / 2))

    def fuse(self, encoded: Sequence[Encoded]) -> Fused:
        """Project and multiply."""
        vectors, counts = stacked(encoded)
        small = projected(self.projections, vectors) * counts.unsqueeze(-1)
        return as_fused(self.out(outer(small)), encoded)
