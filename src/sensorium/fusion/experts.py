"""A product of experts: each column believes a Gaussian, and beliefs are multiplied.

A sure expert outweighs an unsure one, feature by feature. Wu and Goodman 2018, "Multimodal
Generative Models for Scalable Weakly-Supervised Learning"; Hinton 2002.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sensorium.core.batch import Encoded, Fused
from sensorium.fusion.fusion import Fusion, as_fused, projected, stacked


def multiplied(
    mean: Float[Tensor, " batch parts width"],
    log_precision: Float[Tensor, " batch parts width"],
    counts: Bool[Tensor, " batch parts"],
) -> Float[Tensor, " batch width"]:
    """Give the mean of the product of the parts' Gaussians and a standard normal prior."""
    precision = log_precision.exp() * counts.unsqueeze(-1)
    return (precision * mean).sum(1) / (1 + precision.sum(1))


class Experts(Fusion):
    """Let each column name a mean and a precision a feature; Z is the mean of their product.

    An absent column has no expert. Where none is present, Z is the prior's mean, 0.
    """

    def build(self, parts: int) -> None:
        """Make one expert a column."""
        self.experts = nn.ModuleList(nn.Linear(self.width, 2 * self.width) for _ in range(parts))

    def fuse(self, encoded: Sequence[Encoded]) -> Fused:
        """Ask the experts."""
        vectors, _ = stacked(encoded)
        present = torch.stack([e.present for e in encoded], 1)
        mean, log_precision = projected(self.experts, vectors).chunk(2, -1)
        # A precision beyond e^8 says nothing more and would overflow in half precision.
        return as_fused(multiplied(mean, log_precision.clamp(-8, 8), present), encoded)
