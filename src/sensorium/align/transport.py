"""Optimal transport between the tokens of two sides: which token goes to which, softly.

Cuturi 2013 (entropic regularisation, Sinkhorn's steps), in the logarithmic domain as in Peyre and
Cuturi 2019, section 4.4. Every real token weighs the same. Padded tokens get nothing, exactly.

Legend: batch = rows, left and right = tokens of the two sides, width = features.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sensorium.align.cosine import cosines
from sensorium.core.errors import PartError


def sinkhorn(
    cost: Float[Tensor, " batch left right"],
    left_mask: Bool[Tensor, " batch left"],
    right_mask: Bool[Tensor, " batch right"],
    epsilon: float = 0.05,
    steps: int = 100,
) -> Float[Tensor, " batch left right"]:
    """Find the plan P that minimises <P, cost> - epsilon * entropy(P).

    Row sums are 1 / (real lefts) up to what the steps have not yet settled, column sums
    1 / (real rights) to rounding. A row of the batch with an empty side has a plan of zeros. Slopes
    go through all steps.

    Args:
        cost: of moving each left token to each right one; what padding holds does not matter.
        left_mask: which left tokens are real.
        right_mask: which right tokens are real.
        epsilon: in units of cost; small is sharp, and needs more steps.
        steps: how often both sums are put right.

    Errors:
        PartError: epsilon <= 0 or steps < 1.
    """
    if epsilon <= 0 or steps < 1:
        msg = f"transport needs epsilon > 0 and steps >= 1; found {epsilon} and {steps}"
        raise PartError(msg)
    exact = torch.promote_types(cost.dtype, torch.float32)
    pairs = left_mask.unsqueeze(2) & right_mask.unsqueeze(1)
    never = torch.finfo(exact).min / 8  # finite, so that slopes of padding are 0 and not NaN
    kernel = (-cost.to(exact).masked_fill(~pairs, 0.0) / epsilon).masked_fill(~pairs, never)
    left_weight, right_weight = (
        -mask.sum(1, keepdim=True).clamp(min=1).to(exact).log() for mask in (left_mask, right_mask)
    )
    right = kernel.new_zeros(kernel.shape[0], kernel.shape[2])
    for _ in range(steps):
        left = left_weight - (kernel + right.unsqueeze(1)).logsumexp(2)
        left = left.masked_fill(~left_mask, 0.0)
        right = right_weight - (kernel + left.unsqueeze(2)).logsumexp(1)
        right = right.masked_fill(~right_mask, 0.0)
    total = kernel + left.unsqueeze(2) + right.unsqueeze(1)
    return total.masked_fill(~pairs, never).exp().masked_fill(~pairs, 0.0).to(cost.dtype)


def transport_score(
    left_tokens: Float[Tensor, " batch left width"],
    right_tokens: Float[Tensor, " batch right width"],
    left_mask: Bool[Tensor, " batch left"],
    right_mask: Bool[Tensor, " batch right"],
    epsilon: float = 0.1,
    steps: int = 50,
) -> Float[Tensor, " batch"]:
    """Say how well the tokens of each left go with those of its right, -1 to 1.

    The average cosine of tokens under the plan whose cost is 1 - cosine: every token has to find a
    partner, and shares it with the others that want it. 0 where a side is empty.

    Args:
        left_tokens: one side, row by row.
        right_tokens: the other.
        left_mask: which left tokens are real; what padding holds does not matter.
        right_mask: which right tokens are real.
        epsilon: as in ``sinkhorn``.
        steps: as in ``sinkhorn``.

    Errors:
        PartError: epsilon <= 0 or steps < 1.
    """
    left, right = (
        tokens.masked_fill(~mask.unsqueeze(2), 0.0)
        for tokens, mask in ((left_tokens, left_mask), (right_tokens, right_mask))
    )
    near = cosines(left, right)
    plan = sinkhorn(1 - near, left_mask, right_mask, epsilon, steps)
    return (plan * near).sum((1, 2))
