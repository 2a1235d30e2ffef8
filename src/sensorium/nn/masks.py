"""Masks: which steps of a sequence are real. True means real everywhere in this house.

Legend: batch = rows, time = steps, width = features.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def masked_mean(
    tokens: Float[Tensor, " batch time width"], mask: Bool[Tensor, " batch time"]
) -> Float[Tensor, " batch width"]:
    """Average the real steps; 0 where there are none."""
    weight = mask.to(tokens.dtype).unsqueeze(-1)
    return (tokens * weight).sum(1) / weight.sum(1).clamp(min=1)


def masked_max(
    tokens: Float[Tensor, " batch time width"], mask: Bool[Tensor, " batch time"]
) -> Float[Tensor, " batch width"]:
    """Take the largest of the real steps, feature by feature; 0 where there are none."""
    low = torch.finfo(tokens.dtype).min
    largest = tokens.masked_fill(~mask.unsqueeze(-1), low).amax(1)
    return largest.masked_fill(~mask.any(1, keepdim=True), 0.0)
