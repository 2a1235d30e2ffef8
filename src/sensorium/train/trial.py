"""A few timed steps before the first real one: which precision is faster, how many epochs fit.

bf16 doubles the speed of some networks and slows others down, so it is measured, not believed. A
trial of a few steps can be far off on a busy machine, so the epochs made correct it.
"""

import copy
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from sensorium.core.batch import Batch
from sensorium.train.passes import passes
from sensorium.train.plan import Plan

STEPS = 3
MARGIN = 0.93
"""bf16 must be at least so much faster, since it is less exact."""
RESERVE = 0.85
"""The share of the time budget that epochs may plan with; the rest is validation and noise."""


def settle(model: nn.Module, plan: Plan, batches: Sequence[Batch], rows: int) -> dict[str, Any]:
    """Decide what the plan left open, by timing steps on a copy of the model.

    Args:
        model: the model; it is not changed.
        plan: the plan.
        batches: a few real batches.
        rows: rows in an epoch.

    Returns:
        JSON data: ``precision``, ``epochs``, and the times that led to them.
    """
    device = next(model.parameters()).device
    candidates = ["fp32", "bf16"] if _bf16_is_fast(device) else ["fp32"]
    if plan.precision != "auto":
        candidates = [plan.precision]
    settled: dict[str, Any] = {"precision": candidates[0], "epochs": plan.epochs}
    if len(candidates) == 1 and plan.minutes is None:
        return settled
    seconds = {name: _seconds_a_row(model, name, batches, plan) for name in candidates}
    settled["seconds_per_row"] = {name: round(value, 7) for name, value in seconds.items()}
    if len(seconds) == 2 and seconds["bf16"] < MARGIN * seconds["fp32"]:
        settled["precision"] = "bf16"
    if plan.minutes is not None:
        epoch = seconds[settled["precision"]] * rows
        fitting = int(RESERVE * plan.minutes * 60 / max(epoch, 1e-9))
        settled["epochs"] = max(1, min(plan.epochs, fitting))
    return settled


def fitting(plan: Plan, done: int, spent: float, latest: float) -> int:
    """Tell how many epochs fit into the plan's minutes, now that some were made.

    Args:
        plan: with minutes.
        done: epochs made.
        spent: seconds they took.
        latest: seconds the latest of them took.
    """
    left = RESERVE * 60 * (plan.minutes or 0.0) - spent
    return max(done, min(plan.epochs, done + int(left / max(latest, 1e-9))))


def _bf16_is_fast(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _seconds_a_row(model: nn.Module, precision: str, batches: Sequence[Batch], plan: Plan) -> float:
    trial: Any = copy.deepcopy(model).train()
    optimiser = torch.optim.SGD(trial.parameters(), lr=0.0)
    device = next(trial.parameters()).device
    times = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for number in range(STEPS + 1):
            batch = batches[number % len(batches)].to(device)
            start = time.perf_counter()
            autocast = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
            if 0 < plan.rows_per_pass < len(batch):
                passes(trial, trial, batch, plan, autocast, torch.autograd.backward)
            else:
                with autocast:
                    losses = trial.task.loss(trial(batch), batch)
                sum(losses.values()).backward()
            optimiser.step()
            optimiser.zero_grad()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            times.append((time.perf_counter() - start) / len(batch))
    return sorted(times[1:])[STEPS // 2]
