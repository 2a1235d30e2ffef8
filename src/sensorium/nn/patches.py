"""Cut a long sequence into patches, and average one down.

Legend: batch = rows, steps = time before, time = steps / size rounded up, channels and width =
features.
"""

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn


def patch_mask(mask: Bool[Tensor, " batch steps"], size: int) -> Bool[Tensor, " batch time"]:
    """Call a patch real when any of its steps is."""
    return F.pad(mask, (0, -mask.shape[1] % size)).view(len(mask), -1, size).any(2)


class Patches(nn.Module):
    """One linear map of every ``size`` steps, side by side.

    Args:
        channels: features of a step.
        width: features of a patch.
        size: steps a patch.
    """

    def __init__(self, channels: int, width: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.linear = nn.Linear(channels * size, width)

    def forward(
        self, x: Float[Tensor, " batch steps channels"], mask: Bool[Tensor, " batch steps"]
    ) -> Float[Tensor, " batch time width"]:
        """Map each patch; steps that are not real count as 0."""
        x = F.pad(x * mask.unsqueeze(2).to(x.dtype), (0, 0, 0, -x.shape[1] % self.size))
        patches: Tensor = self.linear(x.reshape(len(x), -1, self.size * x.shape[2]))
        return patches


def shorten(
    tokens: Float[Tensor, " batch steps width"], mask: Bool[Tensor, " batch steps"], size: int
) -> Float[Tensor, " batch time width"]:
    """Average the real ones of every ``size`` steps; 0 where there are none."""
    pad = -tokens.shape[1] % size
    real = F.pad(mask, (0, pad)).view(len(mask), -1, size, 1).to(tokens.dtype)
    steps = F.pad(tokens, (0, 0, 0, pad)).view(len(tokens), -1, size, tokens.shape[2])
    return (steps * real).sum(2) / real.sum(2).clamp(min=1)
