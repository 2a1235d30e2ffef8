"""The pairwise sigmoid loss: each pair of a left and a right is judged by itself.

Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training" (SigLIP). No sum over the batch
stands below a fraction, so it holds for small batches too.

Legend: left and right = rows of the two sides, width = features.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sensorium.align.contrastive import diagonal
from sensorium.align.cosine import logits
from sensorium.core.errors import PartError


def sigmoid(
    left: Float[Tensor, " left width"],
    right: Float[Tensor, " right width"],
    log_scale: Float[Tensor, ""] | float,
    bias: Float[Tensor, ""] | float,
    positives: Bool[Tensor, " left right"] | None = None,
) -> Float[Tensor, ""]:
    """Judge every pair: do the two belong together?

    -1/n sum_i sum_j log sigmoid(z_ij (s cos(x_i, y_j) + b)) with z = 1 for pairs that belong
    together and -1 for others, n the number of lefts (section 3.2 of the paper);
    0 where there are no pairs.

    Args:
        left: vectors of one side, of any length.
        right: vectors of the other; the sides may differ in number.
        log_scale: the logarithm of s.
        bias: b; far below 0 at first, since most pairs do not belong together.
        positives: which rights belong to which lefts; None pairs row i with row i.

    Errors:
        PartError: no positives are given and the sides differ in number.
    """
    positives = diagonal(left, right) if positives is None else positives
    judged = logits(left, right, log_scale) + bias
    losses = -F.logsigmoid(torch.where(positives, judged, -judged))
    return losses.sum() / max(len(left), 1)


class Sigmoid(nn.Module):
    """The pairwise sigmoid loss with a learned scale and bias.

    Args:
        scale: s at first.
        bias: b at first.

    Errors:
        PartError: scale <= 0.
    """

    def __init__(self, scale: float = 10.0, bias: float = -10.0) -> None:
        super().__init__()
        if scale <= 0:
            msg = f"the sigmoid loss needs scale > 0; found {scale}"
            raise PartError(msg)
        self.scale = scale
        self.bias = bias
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self.offset = nn.Parameter(torch.tensor(bias))

    def forward(
        self,
        left: Float[Tensor, " left width"],
        right: Float[Tensor, " right width"],
        positives: Bool[Tensor, " left right"] | None = None,
    ) -> Float[Tensor, ""]:
        """Compute ``sigmoid`` at the learned scale and bias."""
        return sigmoid(left, right, self.log_scale, self.offset, positives)
