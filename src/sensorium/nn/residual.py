"""Residual convolutions: x + conv(conv(x)), for pictures, pictures of sound, and signals.

He et al. 2016. The last norm of a block starts at 1, not at 0 (Goyal et al. 2017): in the short
fits that are made here, blocks that start silent cost most of the epochs.

Legend: batch = rows, channels = features of a place, height, width and time = places.
"""

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sensorium.nn.norm import BatchNorm

Stride = int | tuple[int, int]


class Residual2d(nn.Module):
    """Two 3x3 convolutions around which the input passes unchanged.

    Args:
        channels: features in.
        out: features out.
        stride: (down, across): how much coarser the places become.
    """

    def __init__(self, channels: int, out: int, stride: Stride = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.norm_first = BatchNorm(out)
        self.second = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.norm_second = BatchNorm(out)
        self.skip = _shortcut(channels, out, stride)

    def forward(
        self,
        x: Float[Tensor, " batch channels height width"],
        mask: Bool[Tensor, " batch #newheight #newwidth"] | None = None,
    ) -> Float[Tensor, " batch out newheight newwidth"]:
        """Compute the block.

        Args:
            x: features; 0 in places that are not real.
            mask: which places of the result are real; the others become 0, which is what a
                convolution sees beyond the edge.
        """
        inner = F.relu(self.norm_first(self.first(x), mask))
        skip = self.skip(x) if mask is None else self.skip(x) * mask.unsqueeze(1).to(x.dtype)
        return F.relu(self.norm_second(self.second(inner), mask) + skip)


def _shortcut(channels: int, out: int, stride: Stride) -> nn.Module:
    """Average over strides rather than skip places (He et al. 2019), then fit the channels."""
    layers: list[nn.Module] = []
    if stride not in (1, (1, 1)):
        down, across = (stride, stride) if isinstance(stride, int) else stride
        kernel = (2 * down - 1, 2 * across - 1)
        layers.append(nn.AvgPool2d(kernel, (down, across), (down - 1, across - 1)))
    if channels != out:
        layers.append(nn.Conv2d(channels, out, 1, bias=False))
    return nn.Sequential(*layers) if layers else nn.Identity()


class Residual1d(nn.Module):
    """Two dilated convolutions over time around which the input passes (Bai et al. 2018).

    Args:
        width: features in and out.
        kernel: steps that a convolution sees; odd.
        dilation: how far apart they lie.
        dropout: share of features dropped between the two while training.
    """

    def __init__(
        self, width: int, kernel: int = 5, dilation: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        reach = dilation * (kernel // 2)
        self.first = nn.Conv1d(width, width, kernel, 1, reach, dilation, bias=False)
        self.norm_first = BatchNorm(width)
        self.drop = nn.Dropout(dropout)
        self.second = nn.Conv1d(width, width, kernel, 1, reach, dilation, bias=False)
        self.norm_second = BatchNorm(width)

    def forward(
        self, x: Float[Tensor, " batch width time"], mask: Bool[Tensor, " batch time"]
    ) -> Float[Tensor, " batch width time"]:
        """Compute the block; ``x`` must be 0 in steps that are not real, and stays so."""
        inner = self.drop(F.relu(self.norm_first(self.first(x), mask)))
        return F.relu(x + self.norm_second(self.second(inner), mask))
