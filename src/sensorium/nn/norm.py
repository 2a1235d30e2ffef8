"""Batch norm that counts only real places, and that a batch of a single value does not break.

Ioffe and Szegedy 2015. Legend: batch = rows, channels = features of a place, places = any number
of further dimensions.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn


class BatchNorm(nn.Module):
    """Bring every channel to mean 0 and deviation 1 over rows and places, then scale it anew.

    While training, the statistics are those of the batch's real places; afterwards, the running
    ones. Where there is one real value a channel, which has no deviation, the running ones serve
    in training too.

    Args:
        channels: features of a place.
        momentum: how far the running statistics move toward each batch's.
        eps: added to the variance.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.momentum = momentum
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(
        self,
        x: Float[Tensor, " batch channels *places"],
        mask: Bool[Tensor, " batch *#places"] | None = None,
    ) -> Float[Tensor, " batch channels *places"]:
        """Normalise.

        Args:
            x: features.
            mask: which places are real; the others become 0. None takes all.
        """
        if mask is None:
            return self._normal(x)
        if not self.training:
            return self._normal(x) * mask.unsqueeze(1).to(x.dtype)
        real = mask.expand(len(x), *x.shape[2:])
        if bool(real.all()):
            return self._normal(x)
        # A fused norm of the real places alone, copied out and back, takes half the time of one
        # that multiplies by the mask.
        rows = x.movedim(1, -1)
        flat, places = rows.reshape(-1, x.shape[1]), real.reshape(-1).nonzero().squeeze(1)
        found = self._normal(flat.index_select(0, places))
        whole = torch.zeros_like(flat, dtype=found.dtype).index_copy(0, places, found)
        return whole.view(rows.shape).movedim(-1, 1)

    def _normal(self, x: Tensor) -> Tensor:
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training and x.numel() > x.shape[1],
            self.momentum,
            self.eps,
        )
