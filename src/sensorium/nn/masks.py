"""Masks: which steps of a sequence are real. True means real everywhere in this house.

Legend: batch = rows, time = steps, width = features.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def masked_softmax(scores: Float[Tensor, " *any"], mask: Bool[Tensor, " *any"]) -> Tensor:
    """Softmax over the last dimension of the entries that are real.

    Where a whole row is masked the result is 0, never NaN, and so is its gradient.

    Args:
        scores: logits.
        mask: which entries count; broadcast against ``scores``.
    """
    low = torch.finfo(scores.dtype).min
    return scores.masked_fill(~mask, low).softmax(-1).masked_fill(~mask, 0.0)


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


def length_mask(lengths: Int[Tensor, " batch"], longest: int) -> Bool[Tensor, " batch time"]:
    """Mark the first ``lengths`` steps of each row as real."""
    return torch.arange(longest, device=lengths.device) < lengths.unsqueeze(1)
