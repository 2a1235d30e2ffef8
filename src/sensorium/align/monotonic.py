"""Monotonic alignment search: the likeliest way to cut one sequence into the steps of another.

Kim et al. 2020, "Glow-TTS", section 3.2: letters to sound, without a teacher that says when.

Legend: batch = rows, left = steps that last (letters), right = steps in time (frames).
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sensorium.core.errors import PartError


@torch.no_grad()
def monotonic(
    score: Float[Tensor, " batch left right"],
    left_lengths: Int[Tensor, " batch"] | None = None,
    right_lengths: Int[Tensor, " batch"] | None = None,
) -> Bool[Tensor, " batch left right"]:
    """Give every right step one left step, in order and leaving out none, for the highest sum.

    Q(i, j) = score(i, j) + max(Q(i, j-1), Q(i-1, j-1)) (section 3.2 of the paper), and back along
    the choices; among equals the left step that was there stays. A choice has no slopes.

    Args:
        score: the log likelihood of each right step under each left one.
        left_lengths: how many first left steps are real; None takes all. What padding holds does
            not matter.
        right_lengths: how many first right steps are real.

    Returns:
        The alignment: one left step for each real right step, at least one right step for each
        real left step; nothing for padding, and nothing in rows without right steps.

    Errors:
        PartError: a row has more left steps than right ones, or no left step for its right ones.
    """
    batch, lefts, rights = score.shape
    every = torch.ones(batch, dtype=torch.long, device=score.device)
    left_lengths = lefts * every if left_lengths is None else left_lengths
    right_lengths = rights * every if right_lengths is None else right_lengths
    _check(left_lengths, right_lengths)
    moved = _moves(score.to(torch.promote_types(score.dtype, torch.float32)))
    at = left_lengths - 1
    out = torch.zeros_like(score, dtype=torch.bool)
    rows = torch.arange(batch, device=score.device)
    for j in reversed(range(rights)):
        real = j < right_lengths
        out[rows[real], at[real], j] = True
        at = at - (moved[j, rows, at.clamp(min=0)] & real).long()
    return out


def _moves(score: Tensor) -> Bool[Tensor, " right batch left"]:
    """Say whether the best way to (i, j) came from i - 1."""
    batch, lefts, rights = score.shape
    best = score.new_full((batch, lefts), -torch.inf)
    before = score.new_full((batch, 1), -torch.inf)
    moved = torch.zeros(rights, batch, lefts, dtype=torch.bool, device=score.device)
    step = torch.arange(lefts, device=score.device)
    for j in range(rights):
        came = torch.cat([before, best[:, :-1]], 1)
        moved[j] = (came > best) | (step == j)  # i = j has no other way, whatever it scores
        ways = torch.maximum(came, best) if j else best.masked_fill(step == 0, 0.0)
        best = score[:, :, j] + ways
    return moved


def _check(left_lengths: Tensor, right_lengths: Tensor) -> None:
    wrong = (left_lengths > right_lengths) | ((left_lengths == 0) & (right_lengths > 0))
    if wrong.any():
        row = int(wrong.nonzero()[0])
        msg = (
            f"row {row} has {int(left_lengths[row])} left and {int(right_lengths[row])} right "
            "steps; each right step takes one left step, and no left step may be left out"
        )
        raise PartError(msg)
