"""The product of projections, Z = W (U_1 X_1 * ... * U_n X_n), feature by feature (Hadamard).

It answers to all columns together, not to each in turn: a factor near 0 silences the others.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import nn

from sensorium.core.batch import Encoded, Fused
from sensorium.fusion.fusion import Fusion, as_fused, stacked


class Product(Fusion):
    """Project each column and multiply.

    The projections' biases start at 1, so that the product starts as 1 plus the sum of the
    projections (and their products), which trains as easily as a sum. An absent column's factor
    is 1.
    """

    def build(self, parts: int) -> None:
        """Make a projection a column, and one for the product."""
        self.projections = nn.ModuleList(nn.Linear(self.width, self.width) for _ in range(parts))
        for projection in self.projections:
            nn.init.ones_(cast(nn.Linear, projection).bias)
        self.out = nn.Linear(self.width, self.width)

    def fuse(self, encoded: Sequence[Encoded]) -> Fused:
        """Project and multiply."""
        vectors, counts = stacked(encoded)
        factors = [
            torch.where(counts[:, i, None], projection(vectors[:, i]), 1.0)
            for i, projection in enumerate(self.projections)
        ]
        return as_fused(self.out(torch.stack(factors).prod(0)), encoded)
