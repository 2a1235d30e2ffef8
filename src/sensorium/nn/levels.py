"""What a network sees at every level, as statistics over all places: colours, edges, textures.

The last grid of a deep network needs many rows to learn what shallow levels show at once. Their
means and deviations go to the answer directly: of 690 clip-art pictures in 11 classes, that took
a small network from 0.52 to 0.65 (docs/decisions/0007). Gatys et al. 2016 call such statistics the
style of a picture.

Legend: batch = rows, channels = features of a place, places = one or two dimensions of places.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sensorium.nn.norm import BatchNorm

LEAST = 1e-6
"""Added to a variance, so that its root has a gradient at 0."""


def statistics(
    x: Float[Tensor, " batch channels *places"], mask: Bool[Tensor, " batch *#places"] | None = None
) -> Float[Tensor, " batch twice"]:
    """Give the mean and the deviation of every channel over its real places; 0 where none is.

    Args:
        x: features.
        mask: which places are real; None takes all.
    """
    x = x.to(torch.promote_types(x.dtype, torch.float32))  # squares of bf16 are too coarse
    places = tuple(range(2, x.ndim))
    if mask is None:
        centre = x.mean(places, keepdim=True)
        spread = (x - centre).square().mean(places)
    else:
        real = mask.unsqueeze(1).to(x.dtype)
        count = real.expand(-1, 1, *x.shape[2:]).sum(places, keepdim=True).clamp(min=1)
        centre = (x * real).sum(places, keepdim=True) / count
        spread = ((x - centre) * real).square().sum(places) / count.flatten(1)
    return torch.cat([centre.flatten(1), (spread + LEAST).sqrt()], 1)


class Levels(nn.Module):
    """Statistics of several levels, joined and brought to one width.

    Args:
        channels: features of each level.
        width: width of what comes out.
        dropout: share of the statistics dropped while training.
    """

    def __init__(self, channels: Sequence[int], width: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.norm = BatchNorm(2 * sum(channels))
        self.drop = nn.Dropout(dropout)
        self.linear = nn.Linear(2 * sum(channels), width)

    def forward(self, found: Sequence[Float[Tensor, " batch _"]]) -> Float[Tensor, " batch width"]:
        """Map the ``statistics`` of each level to one vector a row."""
        joined = self.norm(torch.cat(list(found), 1).to(self.norm.weight.dtype))
        out: Tensor = self.linear(self.drop(joined))
        return out
