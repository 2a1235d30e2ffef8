"""A trunk over signals: residual convolutions that look farther and farther, read at every level.

Bai et al. 2018. Legend: batch = rows, channels = features of a step, steps = time before, time =
what is left of them.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sensorium.nn.levels import Levels, statistics
from sensorium.nn.norm import BatchNorm
from sensorium.nn.patches import patch_mask, shorten
from sensorium.nn.residual import Residual1d


class Dilated(nn.Module):
    """Norm and ReLU, then blocks; each level is shortened, and its statistics join every token.

    Args:
        raw: channels whose statistics are the first level: what was there before the stem.
        channels: features of a step.
        width: features of a token.
        sizes: so many steps become one after the stem and after each block; one more than
            ``dilations``.
        dilations: how far apart the steps lie that a block sees.
        kernel: steps that a convolution sees; odd.
        dropout: share of features dropped while training.
    """

    def __init__(
        self,
        raw: int,
        channels: int,
        width: int,
        sizes: Sequence[int],
        dilations: Sequence[int],
        kernel: int = 5,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.norm = BatchNorm(channels)
        self.blocks = nn.ModuleList(
            Residual1d(channels, kernel, dilation, dropout) for dilation in dilations
        )
        self.mean = nn.Linear(channels, width)
        self.levels = Levels([raw] + [channels] * (len(dilations) + 1), width, dropout)

    def forward(
        self,
        raw: Float[Tensor, " batch raw steps"],
        x: Float[Tensor, " batch channels steps"],
        mask: Bool[Tensor, " batch steps"],
    ) -> tuple[Float[Tensor, " batch time width"], Bool[Tensor, " batch time"]]:
        """Compute tokens, and which of them are real; the others hold anything.

        Args:
            raw: the signal; 0 in steps that are not real.
            x: what a stem, a convolution without a bias, made of it.
            mask: which steps are real.
        """
        x = F.relu(self.norm(x, mask))
        found = [statistics(raw, mask), statistics(x, mask)]
        x, mask = _shorter(x, mask, self.sizes[0])
        for block, size in zip(self.blocks, self.sizes[1:], strict=True):
            x = block(x, mask)
            found.append(statistics(x, mask))
            x, mask = _shorter(x, mask, size)
        return self.mean(x.transpose(1, 2)) + self.levels(found).unsqueeze(1), mask


def _shorter(x: Tensor, mask: Tensor, size: int) -> tuple[Tensor, Tensor]:
    if size == 1:
        return x, mask
    return shorten(x.transpose(1, 2), mask, size).transpose(1, 2), patch_mask(mask, size)
