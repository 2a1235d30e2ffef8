"""Similarity-weighted fusion: columns that agree speak louder.

The weight of column j for column i is exp(sim(x_i, x_j)) / sum_k exp(sim(x_i, x_k)).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sensorium.core.batch import Encoded, Fused
from sensorium.fusion.fusion import Fusion, as_fused, averaged, projected, stacked


def shares(
    vectors: Float[Tensor, " batch parts width"],
    counts: Bool[Tensor, " batch parts"],
    scale: Tensor | float = 1.0,
) -> Float[Tensor, " batch parts parts"]:
    """Weigh every part for every part by their cosine times ``scale``; absent parts weigh 0."""
    unit = F.normalize(vectors, dim=-1)
    sim = scale * unit @ unit.transpose(1, 2)
    return sim.masked_fill(~counts[:, None, :], float("-inf")).softmax(-1)


class Similarity(Fusion):
    """Project the columns into one space, let each gather the others by likeness, and average.

    How steeply likeness counts is learned; it starts at sim = cosine.
    """

    def build(self, parts: int) -> None:
        """Make a projection a column."""
        self.projections = nn.ModuleList(nn.Linear(self.width, self.width) for _ in range(parts))
        self.log_scale = nn.Parameter(torch.zeros(()))

    def fuse(self, encoded: Sequence[Encoded]) -> Fused:
        """Project, weigh and average."""
        vectors, counts = stacked(encoded)
        same = projected(self.projections, vectors)
        gathered = shares(same, counts, self.log_scale.exp()) @ same
        return as_fused(averaged(gathered, counts), encoded)
