"""Positions: what tells the steps of a sequence apart."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn


def sinusoids(
    length: int, width: int, longest: float = 10_000.0, device: torch.device | None = None
) -> Float[Tensor, " length width"]:
    """Give sines and cosines of geometrically growing periods (Vaswani et al. 2017).

    Args:
        length: how many steps.
        width: features; the first half are sines, the rest cosines.
        longest: the longest period, in units of 2 pi steps.
        device: where the numbers shall be.
    """
    half = (width + 1) // 2
    rates = torch.exp(-math.log(longest) * torch.arange(half, device=device) / half)
    angles = torch.arange(length, device=device).unsqueeze(1) * rates
    return torch.cat([angles.sin(), angles.cos()], 1)[:, :width]


class Sinusoidal(nn.Module):
    """Add fixed sinusoids; any length.

    Args:
        width: features.
        scale: what the sinusoids are multiplied by, so that they do not drown small tokens.
    """

    def __init__(self, width: int, scale: float = 1.0) -> None:
        super().__init__()
        self.width = width
        self.scale = scale

    def forward(self, tokens: Float[Tensor, " batch time width"]) -> Tensor:
        """Add the position of each step."""
        table = sinusoids(tokens.shape[1], self.width, device=tokens.device).to(tokens.dtype)
        return tokens + self.scale * table


class Learned(nn.Module):
    """Add one learned vector a step; steps beyond ``length`` share the last.

    Args:
        length: how many steps have their own vector.
        width: features.
    """

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.length = length
        self.table = nn.Parameter(torch.randn(length, width) * 0.02)

    def forward(self, tokens: Float[Tensor, " batch time width"]) -> Tensor:
        """Add the position of each step."""
        steps = torch.arange(tokens.shape[1], device=tokens.device).clamp(max=self.length - 1)
        return tokens + self.table[steps].to(tokens.dtype)
