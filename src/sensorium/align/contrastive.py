"""The symmetric contrastive softmax: each left should be most like its own rights, and back.

A(x_i, x_j) = exp(cos(x_i, x_j) / t) / sum_k exp(cos(x_i, x_k) / t), t the temperature.
van den Oord et al. 2018 (InfoNCE); Radford et al. 2021 (CLIP: both directions, a learned
temperature); Khosla et al. 2020 (several positives); Robinson et al. 2021 (hard negatives).
Knows vectors and which of them belong together; nothing of what they stand for.

Legend: left and right = rows of the two sides, extra = rights that belong to no left,
width = features.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sensorium.align.cosine import logits
from sensorium.core.counted import counted
from sensorium.core.errors import PartError


def diagonal(left: Tensor, right: Tensor) -> Bool[Tensor, " left right"]:
    """Let row i of one side belong to row i of the other, and to no other.

    Errors:
        PartError: the sides have different numbers of rows.
    """
    if len(left) != len(right):
        sides = f"{counted(len(left), 'left')} and {counted(len(right), 'right')}"
        msg = f"{sides} are no pairs; give `positives`"
        raise PartError(msg)
    return torch.eye(len(left), dtype=torch.bool, device=left.device)


def contrastive(
    left: Float[Tensor, " left width"],
    right: Float[Tensor, " right width"],
    log_scale: Float[Tensor, ""] | float,
    positives: Bool[Tensor, " left right"] | None = None,
    hard: float = 0.0,
    extra_right: Float[Tensor, " extra width"] | None = None,
) -> Float[Tensor, ""]:
    """Compare each row's softmax over the other side with its positives, both ways.

    The target of a row is uniform over its positives, and the loss its cross entropy,
    -1/|P_i| sum_{j in P_i} log A(x_i, x_j). So every positive is drawn nearer until each has its
    equal share of A, and none is a negative. Rows without positives take part as negatives only.
    The result is the average over the rows that have positives, and over both directions; 0 where
    no row has any.

    Args:
        left: vectors of one side, of any length.
        right: vectors of the other; the sides may differ in number.
        log_scale: the logarithm of 1/t.
        positives: which rights belong to which lefts; None pairs row i with row i.
        hard: the beta >= 0 of Robinson et al., section 3: in each sum, a negative counts
            exp(beta cos / t), scaled so that a row's negatives count 1 on average. Slopes go
            through these weights too, as in the authors' own program.
        extra_right: further rights without positives, such as given hard negatives.

    Errors:
        PartError: no positives are given and the sides differ in number, or hard < 0.
    """
    if hard < 0:
        msg = f"hard negatives are weighted by hard >= 0; found {hard}"
        raise PartError(msg)
    positives = diagonal(left, right) if positives is None else positives
    if extra_right is not None:
        right = torch.cat([right, extra_right])
        none = positives.new_zeros(len(left), len(extra_right))
        positives = torch.cat([positives, none], 1)
    near = logits(left, right, log_scale)
    return (one_way(near, positives, hard) + one_way(near.T, positives.T, hard)) / 2


def one_way(
    near: Float[Tensor, " left right"], positives: Bool[Tensor, " left right"], hard: float = 0.0
) -> Float[Tensor, ""]:
    """Average the soft cross entropy of the rows that have positives; 0 where none has.

    Args:
        near: the cosines over the temperature.
        positives: each row's target, before it is divided by its sum.
        hard: as in ``contrastive``.
    """
    if hard:
        near = near + _weights(near, positives, hard)
    target = positives.to(near.dtype)
    number = target.sum(1)
    losses = -(target * near.log_softmax(1)).sum(1) / number.clamp(min=1)
    return losses.sum() / (number > 0).sum().clamp(min=1)


def _weights(near: Tensor, positives: Tensor, hard: float) -> Tensor:
    """Give the logarithm of how much each entry counts; 0 for positives."""
    negatives = ~positives
    some = negatives.any(1, keepdim=True)
    harder = hard * near
    total = harder.masked_fill(positives & some, float("-inf")).logsumexp(1, keepdim=True)
    average = total - negatives.sum(1, keepdim=True).clamp(min=1).to(near.dtype).log()
    return (harder - average).masked_fill(positives, 0.0)


class Temperature(nn.Module):
    """A learned 1/t, kept as its logarithm, and capped (Radford et al. 2021, section 2.5).

    At the cap no slope pushes it further up, but it can come down again at any time.

    Args:
        scale: 1/t at first.
        most: the cap of 1/t.

    Errors:
        PartError: not 0 < scale <= most.
    """

    def __init__(self, scale: float = 1 / 0.07, most: float = 100.0) -> None:
        super().__init__()
        if not 0 < scale <= most:
            msg = f"a temperature needs 0 < scale <= most; found scale={scale}, most={most}"
            raise PartError(msg)
        self.scale = scale
        self.most = most
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    def forward(self) -> Float[Tensor, ""]:
        """Give the logarithm of 1/t."""
        over = (self.log_scale - math.log(self.most)).detach().clamp(min=0)
        capped = self.log_scale - over
        if capped.requires_grad:  # a slope below 0 asks for more
            capped.register_hook(  # type: ignore[no-untyped-call]
                lambda slope: torch.where(over > 0, slope.clamp(min=0), slope)
            )
        return capped


class Contrastive(nn.Module):
    """The symmetric contrastive softmax with a learned temperature.

    Args:
        hard: how much harder negatives count more; 0 counts all alike.
        scale: 1/t at first.
        most: the cap of 1/t.
    """

    def __init__(self, hard: float = 0.0, scale: float = 1 / 0.07, most: float = 100.0) -> None:
        super().__init__()
        self.hard = hard
        self.scale = scale
        self.most = most
        self.temperature = Temperature(scale, most)

    def forward(
        self,
        left: Float[Tensor, " left width"],
        right: Float[Tensor, " right width"],
        positives: Bool[Tensor, " left right"] | None = None,
        extra_right: Float[Tensor, " extra width"] | None = None,
    ) -> Float[Tensor, ""]:
        """Compute ``contrastive`` at the learned temperature."""
        return contrastive(left, right, self.temperature(), positives, self.hard, extra_right)
