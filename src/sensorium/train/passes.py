"""A batch in several passes, for losses that compare its rows with each other."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from sensorium.align import cached_step
from sensorium.core.batch import Batch
from sensorium.core.errors import PlanError
from sensorium.model import Model
from sensorium.tasks import Align
from sensorium.train.plan import Plan


def passes(
    wrapped: nn.Module,
    model: Model,
    batch: Batch,
    plan: Plan,
    autocast: AbstractContextManager[Any],
    backward: Callable[[Tensor], Any],
    no_sync: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> dict[str, Tensor]:
    """Learn from a batch, so many rows encoded at once; gradients are those of the whole batch.

    Args:
        wrapped: the model as ``accelerate`` prepared it.
        model: the model itself.
        batch: the batch.
        plan: says how many rows are encoded at once.
        autocast: the precision of the passes.
        backward: how a loss goes back.
        no_sync: keeps a pass from being summed over processes: only the last one is, so that
            processes whose batches differ in rows, and so in passes, meet as often.

    Returns:
        The named losses, without a graph.

    Errors:
        PlanError: the task compares no rows with each other.
    """
    task = model.task
    if not isinstance(task, Align):
        msg = (
            f"rows_per_pass is for tasks whose loss compares rows with each other (Align), not "
            f"{type(task).__name__}: take smaller rows_per_step, and accumulate"
        )
        raise PlanError(msg)

    def encode(chunk: Batch) -> dict[str, Tensor]:
        with nullcontext() if chunk is chunks[-1] else no_sync(), autocast:
            return dict(wrapped(chunk).outputs)

    def loss(vectors: dict[str, Tensor]) -> dict[str, Tensor]:
        return task.compare(vectors, batch)

    starts = range(0, len(batch), plan.rows_per_pass)
    chunks = [
        batch.rows_of(torch.arange(start, min(start + plan.rows_per_pass, len(batch))))
        for start in starts
    ]
    return cached_step(encode, chunks, loss, backward)
