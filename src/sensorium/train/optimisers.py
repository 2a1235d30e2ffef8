"""Optimisers and the rate's schedule, by the plan."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from sensorium.decoders import Decoder
from sensorium.encoders.encoder import Encoder
from sensorium.train.plan import Plan


def make_optimiser(model: nn.Module, plan: Plan) -> torch.optim.Optimizer:
    """Make the plan's optimiser; vectors (biases, norms, tokens) get no weight decay.

    Weights that an encoder or a decoder slows down (``paces``) are in groups of their own.
    """
    paces = paces_of(model)
    by_kind: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, weight in trainable(model):
        decayed = weight.ndim >= 2 and "absent" not in name
        kind = (plan.weight_decay if decayed else 0.0, paces.get(name, 1.0))
        by_kind.setdefault(kind, []).append(weight)
    order = sorted(by_kind, reverse=True)
    groups: list[dict[str, Any]] = [
        {"params": by_kind[decay, pace], "weight_decay": decay, "pace": pace}
        for decay, pace in order
    ]
    match plan.optimiser:
        case "adamw":
            return torch.optim.AdamW(groups, lr=plan.rate, fused=True)
        case "adam":
            return torch.optim.Adam(groups, lr=plan.rate, fused=True)
        case "sgd":
            return torch.optim.SGD(groups, lr=plan.rate, fused=True)
        case _:
            nesterov = plan.optimiser == "nesterov"
            return torch.optim.SGD(
                groups, lr=plan.rate, momentum=plan.momentum, nesterov=nesterov, fused=True
            )


def trainable(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """List the weights that are not frozen."""
    return ((name, w) for name, w in model.named_parameters() if w.requires_grad)


def paces_of(model: nn.Module) -> dict[str, float]:
    """Give the share of the plan's rate of each weight that has its own, by name."""
    return {
        f"{name}.{inner}" if name else inner: pace
        for name, part in model.named_modules()
        if isinstance(part, Encoder | Decoder)
        for inner, pace in part.paces().items()
    }


def rate_at(step: int, steps: int, plan: Plan) -> float:
    """Give the learning rate of a step: a linear warm-up, then half a cosine (or constant).

    Args:
        step: the step, from 0.
        steps: how many there will be.
        plan: gives the highest rate, the warm-up's share and the schedule.
    """
    warm = max(1, round(plan.warmup * steps)) if plan.warmup else 0
    if step < warm:
        return plan.rate * (step + 1) / warm
    if plan.schedule == "constant":
        return plan.rate
    share = (step - warm) / max(1, steps - warm)
    return plan.rate * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every group, each by its pace."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["pace"]
