"""Residual convolutions: x + conv(conv(x)), for pictures and for pictures of sound.

He et al. 2016, with the last norm of each block started at 0 (Goyal et al. 2017), so that a new
block changes nothing until it has learned something.

Legend: batch = rows, channels = features of a place, height and width = places.
"""

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

Stride = int | tuple[int, int]


class Residual(nn.Module):
    """Two 3x3 convolutions around which the input passes unchanged.

    Args:
        channels: features in.
        out: features out.
        stride: (down, across): how much coarser the places become.
    """

    def __init__(self, channels: int, out: int, stride: Stride = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.norm_first = nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.norm_second = nn.BatchNorm2d(out)
        nn.init.zeros_(self.norm_second.weight)
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
        inner = keep(F.relu(self.norm_first(self.first(x))), mask)
        return keep(F.relu(self.norm_second(self.second(inner)) + self.skip(x)), mask)


def keep(x: Tensor, mask: Tensor | None) -> Tensor:
    """Put 0 in the places that are not real."""
    return x if mask is None else x * mask.unsqueeze(1).to(x.dtype)


def _shortcut(channels: int, out: int, stride: Stride) -> nn.Module:
    """Average over strides rather than skip places (He et al. 2019), then fit the channels."""
    layers: list[nn.Module] = []
    if stride not in (1, (1, 1)):
        down, across = (stride, stride) if isinstance(stride, int) else stride
        kernel = (2 * down - 1, 2 * across - 1)
        layers.append(nn.AvgPool2d(kernel, (down, across), (down - 1, across - 1)))
    if channels != out or layers:
        layers += [nn.Conv2d(channels, out, 1, bias=False), nn.BatchNorm2d(out)]
    return nn.Sequential(*layers) if layers else nn.Identity()
