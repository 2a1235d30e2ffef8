"""The weighted sum, Z = a_1 X_1 + ... + a_n X_n, with one learned number a column."""

from collections.abc import Sequence

import torch
from torch import nn

from sensorium.core.batch import Encoded, Fused
from sensorium.fusion.fusion import Fusion, as_fused, stacked


class Weighted(Fusion):
    """Sum the columns' vectors, each times a learned weight of any sign; it starts as the mean.

    Where columns are absent, the sum over the others is scaled up by n / (columns present).
    """

    def build(self, parts: int) -> None:
        """Make one weight a column."""
        self.weights = nn.Parameter(torch.full((parts,), 1 / parts))

    def fuse(self, encoded: Sequence[Encoded]) -> Fused:
        """Weigh and sum."""
        vectors, counts = stacked(encoded)
        share = counts.to(vectors.dtype) * len(encoded) / counts.sum(1, keepdim=True)
        return as_fused(torch.einsum("bp,p,bpw->bw", share, self.weights, vectors), encoded)
