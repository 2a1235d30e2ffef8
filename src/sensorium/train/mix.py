"""Mixup and cutmix in the loss: two rows become one, and so do their losses.

Zhang et al., "mixup", 2018; Yun et al., "CutMix", 2019.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from sensorium.core.batch import Batch
from sensorium.core.errors import PlanError
from sensorium.core.seed import generator, numpy_generator
from sensorium.model import Model
from sensorium.preprocess import cutmixed, mixed
from sensorium.tasks.writer import writers_of
from sensorium.train.plan import Plan

MIXABLE = {"image", "audio", "series", "number", "vector"}


def check_mixable(model: Model, plan: Plan) -> None:
    """Refuse to mix columns that cannot be mixed.

    Errors:
        PlanError: mixup with words or categories among the inputs, cutmix without pictures, either
            for a decoder, whose scores are of the one text that it read.
    """
    inputs = model.schema.inputs
    if (plan.mixup or plan.cutmix) and writers_of(model.task):
        msg = "a decoder learns one text a row, and mixed rows have two: set mixup = 0, cutmix = 0"
        raise PlanError(msg)
    rigid = sorted(name for name, field in inputs.items() if field.kind not in MIXABLE)
    if plan.mixup and rigid:
        msg = f"mixup needs inputs that can be averaged; {rigid} cannot: set mixup = 0"
        raise PlanError(msg)
    if plan.cutmix and any(field.kind != "image" for field in inputs.values()):
        msg = "cutmix needs inputs that are all pictures: set cutmix = 0"
        raise PlanError(msg)


def mixed_loss(
    wrapped: nn.Module, model: Model, batch: Batch, plan: Plan, step: int
) -> dict[str, Tensor]:
    """Compute the named losses of a batch, with rows mixed where the plan says so."""
    task = model.task
    if not (plan.mixup or plan.cutmix):
        return task.loss(wrapped(batch), batch)
    draws = numpy_generator(plan.seed, "mix", step)
    cut = bool(plan.cutmix) and (not plan.mixup or draws.random() < 0.5)
    alpha = plan.cutmix if cut else plan.mixup
    share = float(draws.beta(alpha, alpha))
    order = torch.randperm(len(batch), generator=generator(plan.seed, "partner", step))
    order = order.to(next(iter(batch.columns.values())).present.device)
    if cut:
        blended, share = cutmixed(
            batch, model.names, order, share, generator(plan.seed, "cut", step)
        )
    else:
        blended = mixed(batch, model.names, order, share)
    features = wrapped(blended)
    own = task.loss(features, batch)
    targets = {name: batch.columns[name].rows(order) for name in task.targets}
    other = task.loss(features, replace(batch, columns={**batch.columns, **targets}))
    return {name: share * own[name] + (1 - share) * other[name] for name in own}
