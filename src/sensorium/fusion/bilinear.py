"""Low-rank bilinear pooling: every pair of columns multiplied, x_i^T W x_j, at a low rank.

Kim et al. 2017, "Hadamard Product for Low-rank Bilinear Pooling". For more than two columns all
pairs are summed; the columns by themselves are kept too, as if each x ended in a 1.
"""

from collections.abc import Sequence

from torch import nn

from sensorium.core.batch import Encoded, Fused
from sensorium.core.errors import PartError
from sensorium.fusion.fusion import Fusion, as_fused, projected, stacked


class LowRankBilinear(Fusion):
    """Z = P (sum_i h_i + sum_{i<j} h_i * h_j) with h_i = tanh(U_i x_i); pairs need both present."""

    def __init__(self, width: int, rank: int = 0) -> None:
        """Choose the size.

        Args:
            width: the common width.
            rank: features of each h; 0 takes twice the common width.
        """
        super().__init__(width)
        self.rank = rank
        if rank < 0:
            msg = f"LowRankBilinear needs a rank of at least 1 (0 chooses one), found {rank}"
            raise PartError(msg)

    def build(self, parts: int) -> None:
        """Make a projection a column, and one back to the common width."""
        rank = self.rank or 2 * self.width
        self.projections = nn.ModuleList(nn.Linear(self.width, rank) for _ in range(parts))
        self.out = nn.Linear(rank, self.width)

    def fuse(self, encoded: Sequence[Encoded]) -> Fused:
        """Project, multiply the pairs, and sum."""
        vectors, counts = stacked(encoded)
        h = projected(self.projections, vectors).tanh() * counts.unsqueeze(-1)
        # All pairs at the cost of the parts: 2 sum_{i<j} h_i h_j = (sum h)^2 - sum h^2.
        pairs = (h.sum(1) ** 2 - (h**2).sum(1)) / 2
        return as_fused(self.out(h.sum(1) + pairs), encoded)
