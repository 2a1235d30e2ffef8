"""From pixels to what a network likes, and from a grid of features to tokens."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn


class Pixels(nn.Module):
    """Scale bytes to about mean 0 and deviation 1, in the precision of the weights.

    Channels go last in memory, where convolutions on CPUs and tensor cores are fastest.

    Args:
        mean: what is subtracted, as a share of 255.
        deviation: what is divided by, as a share of 255.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: float = 0.45, deviation: float = 0.25) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation), persistent=False)

    def forward(
        self,
        x: UInt8[Tensor, " batch channels height width"]
        | Float[Tensor, " batch channels height width"],
    ) -> Float[Tensor, " batch channels height width"]:
        """Scale a batch of pictures.

        Args:
            x: bytes, or numbers from 0 to 255 (after an augmentation, for gradients).
        """
        x = x.to(self.mean.dtype, memory_format=torch.channels_last)
        return (x / 255 - self.mean) / self.deviation


def grid_tokens(x: Float[Tensor, " batch width high wide"]) -> Float[Tensor, " batch time width"]:
    """Read a grid row by row: one token a place."""
    return x.flatten(2).transpose(1, 2)
