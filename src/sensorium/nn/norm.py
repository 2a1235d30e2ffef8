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
        if mask is None or not self.training:
            batch_counts = self.training and x.numel() > x.shape[1]
            out = F.batch_norm(
                x,
                self.running_mean,
                self.running_var,
                self.weight,
                self.bias,
                batch_counts,
                self.momentum,
                self.eps,
            )
            return out if mask is None else out * mask.unsqueeze(1).to(out.dtype)
        return self._masked(x, mask)

    def _masked(self, x: Tensor, mask: Tensor) -> Tensor:
        real = mask.unsqueeze(1).to(x.dtype)
        dims = [0, *range(2, x.ndim)]
        count = real.sum() * (x[:, :1].numel() / real.numel())
        centre = (x * real).sum(dims, keepdim=True) / count
        gap = (x - centre) * real
        spread = gap.square().sum(dims, keepdim=True) / count
        self._follow(centre.flatten(), spread.flatten(), count)
        shape = (1, -1, *[1] * (x.ndim - 2))
        scale = self.weight.view(shape) * torch.rsqrt(spread + self.eps)
        return gap * scale + self.bias.view(shape) * real

    @torch.no_grad()
    def _follow(self, centre: Tensor, spread: Tensor, count: Tensor) -> None:
        unbiased = spread * (count / (count - 1).clamp(min=1))
        self.running_mean.lerp_(centre.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
