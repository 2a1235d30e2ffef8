"""Soft dynamic time warping: the cost of all ways to walk through two sequences, with slopes.

Cuturi and Blondel 2017: the minimum over paths becomes -gamma log sum exp(-cost / gamma).

Legend: batch = rows, left and right = steps of the two sequences, diagonals = left + right - 1.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sensorium.core.errors import PartError


def soft_dtw(
    cost: Float[Tensor, " batch left right"],
    left_lengths: Int[Tensor, " batch"] | None = None,
    right_lengths: Int[Tensor, " batch"] | None = None,
    gamma: float = 1.0,
) -> Float[Tensor, " batch"]:
    """Compute each row's soft minimum over all paths from the first pair of steps to the last.

    R(i, j) = cost(i, j) + softmin(R(i-1, j-1), R(i-1, j), R(i, j-1)) (algorithm 1 of
    the paper), an antidiagonal at a time. It may be below 0: many paths together are cheaper
    than the cheapest. Its slopes are how much each pair of steps takes part.

    Args:
        cost: of each left step beside each right one.
        left_lengths: how many first left steps are real; None takes all. What padding holds does
            not matter.
        right_lengths: how many first right steps are real.
        gamma: in units of cost; towards 0 it becomes ``dtw``.

    Returns:
        The costs; 0 where a side is empty.

    Errors:
        PartError: gamma <= 0.
    """
    if gamma <= 0:
        msg = f"soft time warping needs gamma > 0 (dtw has none); found {gamma}"
        raise PartError(msg)
    batch, lefts, rights = cost.shape
    every = torch.ones(batch, dtype=torch.long, device=cost.device)
    left_lengths = lefts * every if left_lengths is None else left_lengths
    right_lengths = rights * every if right_lengths is None else right_lengths
    some = (left_lengths > 0) & (right_lengths > 0)
    if cost.numel() == 0:
        return cost.sum((1, 2))
    exact = cost.to(torch.promote_types(cost.dtype, torch.float32))
    totals = _totals(_skewed(exact, left_lengths, right_lengths), gamma)
    diagonal = (left_lengths + right_lengths - 2).clamp(min=0)
    last = totals[diagonal, torch.arange(batch, device=cost.device), left_lengths.clamp(min=1) - 1]
    return last.masked_fill(~some, 0.0).to(cost.dtype)


def _skewed(
    cost: Tensor, left_lengths: Tensor, right_lengths: Tensor
) -> Float[Tensor, " diagonals batch left"]:
    """Lay the antidiagonals out first: out[i + j, :, i] = cost[:, i, j]; ``_far`` elsewhere."""
    lefts, rights = cost.shape[1:]
    i = torch.arange(lefts, device=cost.device)
    j = torch.arange(lefts + rights - 1, device=cost.device).unsqueeze(1) - i
    inside = (j >= 0) & (j < rights)
    real = (i < left_lengths[:, None, None]) & (j < right_lengths[:, None, None]) & inside
    taken = cost[:, i.expand_as(j), j.clamp(0, rights - 1)]
    return taken.masked_fill(~real, _far(cost)).transpose(0, 1)


def _totals(skewed: Tensor, gamma: float) -> Float[Tensor, " diagonals batch left"]:
    """Sum along the antidiagonals: out[i + j, :, i] = R(i, j)."""
    border = skewed.new_full((skewed.shape[1], 1), _far(skewed))
    both = torch.cat([torch.zeros_like(border), border.expand(-1, skewed.shape[2])], 1)
    one = border.expand(-1, skewed.shape[2] + 1)
    out = []
    for costs in skewed:
        before = torch.stack([one[:, :-1], one[:, 1:], both[:, :-1]])
        soft = costs - gamma * (before / -gamma).logsumexp(0)
        soft = soft.clamp(max=_far(skewed))
        both, one = one, torch.cat([border, soft], 1)
        out.append(soft)
    return torch.stack(out)


def _far(cost: Tensor) -> float:
    """Give a cost that no path takes; finite, so that slopes of padding are 0 and not NaN."""
    return math.sqrt(torch.finfo(cost.dtype).max)
