"""Gradients against finite differences, for any part in float64."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from sensorium.testing.checks import TOLERANCES, demand

STEP = 1e-7
"""Kinks crossed within a step spoil the difference in proportion to it, rounding to 1e-16 / it."""
DIRECTIONS = 3


def check_gradients(
    total: Callable[[], Tensor], weights: Mapping[str, Tensor], inputs: Sequence[Tensor] = ()
) -> None:
    """Compare the slopes of a number with what small moves of its tensors do to it.

    All tensors move at once, along random directions: a wrong slope of any of them shows. One
    direction may cross a kink (of a ReLU, a maximum), so the best of three counts.

    Args:
        total: computes the number, Float64[], anew from the tensors as they stand.
        weights: tensors by name; each must have an influence.
        inputs: further tensors.

    Errors:
        ContractError: a weight is never used, or the slopes disagree.
    """
    tensors = [*weights.values(), *inputs]
    if not tensors:
        return
    found = torch.autograd.grad(total(), tensors, allow_unused=True)
    idle = [name for name, slope in zip(weights, found, strict=False) if slope is None]
    demand(not idle, "gradients", f"these weights are never used: {idle}; leave them out")
    slopes = [torch.zeros_like(t) if s is None else s for t, s in zip(tensors, found, strict=True)]
    gap = min(_gap(total, tensors, slopes, seed) for seed in range(DIRECTIONS))
    message = f"gradients and finite differences are {gap:.1e} apart; is something detached?"
    demand(gap <= TOLERANCES["gradients"], "gradients", message)


def _gap(
    total: Callable[[], Tensor], tensors: Sequence[Tensor], slopes: Sequence[Tensor], seed: int
) -> float:
    """Compare the slope along one random direction."""
    generator = torch.Generator().manual_seed(seed)
    ways = [torch.randn(t.shape, generator=generator, dtype=t.dtype) for t in tensors]
    values = []
    with torch.no_grad():
        for move in (STEP, -2 * STEP, STEP):
            for tensor, way in zip(tensors, ways, strict=True):
                tensor.add_(way, alpha=move)
            values.append(float(total()))
    measured = (values[0] - values[1]) / (2 * STEP)
    told = sum(float((s * way).sum()) for s, way in zip(slopes, ways, strict=True))
    return abs(measured - told) / max(abs(measured), abs(told), 1.0)


@torch.no_grad()
def shake(weights: Sequence[Tensor], seed: int = 1) -> None:
    """Move weights off their first values in place, so that what started at 0 takes part."""
    generator = torch.Generator().manual_seed(seed)
    for weight in weights:
        weight.add_(torch.randn(weight.shape, generator=generator, dtype=weight.dtype), alpha=0.1)
