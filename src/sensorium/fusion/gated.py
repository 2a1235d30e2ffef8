"""The gated multimodal unit: for every feature, how much each column has to say about it.

Arevalo et al. 2017, "Gated Multimodal Units for Information Fusion".
"""

from collections.abc import Sequence

from torch import nn

from sensorium.core.batch import Encoded, Fused
from sensorium.fusion.fusion import Fusion, as_fused, projected, stacked


class Gated(Fusion):
    """Z = sum_i z_i * tanh(W_i x_i); the gates z_i see all columns and sum to 1 a feature.

    For two columns they are the paper's sigmoid z and 1 - z. An absent column's gate is 0.
    """

    def build(self, parts: int) -> None:
        """Make a projection and a gate a column."""
        self.projections = nn.ModuleList(nn.Linear(self.width, self.width) for _ in range(parts))
        self.gates = nn.Linear(parts * self.width, parts * self.width)

    def fuse(self, encoded: Sequence[Encoded]) -> Fused:
        """Open the gates."""
        vectors, counts = stacked(encoded)
        gates = self.gates(vectors.flatten(1)).view_as(vectors)
        shares = gates.masked_fill(~counts.unsqueeze(-1), float("-inf")).softmax(1)
        return as_fused((shares * projected(self.projections, vectors).tanh()).sum(1), encoded)
