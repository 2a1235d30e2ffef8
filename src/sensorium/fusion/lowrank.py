"""Low-rank tensor fusion: the outer product of all columns without ever making it.

Liu et al. 2018, "Efficient Low-rank Multimodal Fusion With Modality-Specific Factors". Its cost
grows with the number of columns, where that of ``Tensor`` grows as a power.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import nn

from sensorium.core.batch import Encoded, Fused
from sensorium.core.errors import PartError
from sensorium.fusion.fusion import Fusion, as_fused, stacked


class LowRankTensor(Fusion):
    """Z = b + sum_r s_r prod_i W_i^r [x_i; 1], the product taken feature by feature.

    The factors of the appended 1 start at 1, so that products of many columns do not vanish at
    the start. An absent column's x is 0: its factor is that of the 1.
    """

    def __init__(self, width: int, rank: int = 4) -> None:
        """Choose the rank.

        Args:
            width: the common width.
            rank: how many products are summed.
        """
        super().__init__(width)
        self.rank = rank
        if rank < 1:
            msg = f"LowRankTensor needs a rank of at least 1, found {rank}"
            raise PartError(msg)

    def build(self, parts: int) -> None:
        """Make the factors of each column, and the weights of the sum."""
        self.factors = nn.ModuleList(
            nn.Linear(self.width, self.rank * self.width) for _ in range(parts)
        )
        for factor in self.factors:
            nn.init.ones_(cast(nn.Linear, factor).bias)
        self.shares = nn.Parameter(torch.full((self.rank,), 1 / self.rank))
        self.bias = nn.Parameter(torch.zeros(self.width))

    def fuse(self, encoded: Sequence[Encoded]) -> Fused:
        """Multiply, then sum over the rank."""
        vectors, counts = stacked(encoded)
        known = vectors * counts.unsqueeze(-1)
        each = torch.stack([factor(known[:, i]) for i, factor in enumerate(self.factors)])
        products = each.prod(0).view(-1, self.rank, self.width)
        return as_fused(torch.einsum("r,brw->bw", self.shares, products) + self.bias, encoded)
