"""Which parts, how large, how long: from the schema, the number of rows and the time there is.

Each rule gives its reason in words, which the report shows. Parts and lengths were chosen by trial
runs on real sets; the numbers of rows between them are judgement (docs/decisions/0007).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sensorium.auto.rules import (
    aligned_plan,
    encoder_for,
    fusion_for,
    is_of_signals,
    is_on_features,
    is_tuned,
    mean_fusion,
    on_features,
    on_tuned,
    plan_for,
    signals_together,
    task_for,
    written_plan,
)
from sensorium.core.describe import represent
from sensorium.core.errors import PartError, all_at_once
from sensorium.core.schema import Schema, Text
from sensorium.encoders import Encoder
from sensorium.fusion import Fusion, Temporal
from sensorium.tasks import Task
from sensorium.train import Plan

WIDTH = 64
ALIGNED, WRITTEN = 512, 128
"""The width of a space that columns share, and of what words are written from."""
_EXAMPLES: dict[type, str] = {
    Task: "tasks.Classify('mood')",
    Fusion: "fusion.Gated(width=64)",
    Encoder: "encoders.ConvNet(width=64)",
}


@dataclass(frozen=True)
class Choice:
    """What was chosen and why.

    Attributes:
        schema: the schema, with sizes settled.
        encoders: one a column.
        fusion: how the columns meet.
        task: what comes out.
        plan: how to train.
        reasons: a sentence for each choice.
    """

    schema: Schema
    encoders: Mapping[str, Encoder]
    fusion: Fusion
    task: Task
    plan: Plan
    reasons: tuple[str, ...]


def choose(
    schema: Schema,
    rows: int,
    *,
    minutes: float = 10.0,
    task: Task | None = None,
    encoders: Mapping[str, Encoder] | None = None,
    fusion: Fusion | None = None,
    plan: Plan | None = None,
    seed: int = 0,
) -> Choice:
    """Choose whatever the user did not.

    Args:
        schema: inputs and targets.
        rows: training rows.
        minutes: the time budget.
        task: the user's own; None chooses.
        encoders: the user's own, by column; the others are chosen.
        fusion: the user's own; None chooses.
        plan: the user's own; None chooses.
        seed: goes into the plan.
    """
    reasons: list[str] = []
    encoders = dict(encoders or {})
    width = width_of(task, encoders, fusion)
    if fusion is None and not encoders and is_of_signals(schema, rows):
        encoders, fusion, reasons = signals_together(schema, width)
    for name, field in schema.inputs.items():
        if name not in encoders:
            encoders[name], why = encoder_for(field, schema, rows, width, task)
            reasons.append(f"{name}: {represent(encoders[name])}, {why}")
    schema = _suited(schema, encoders)
    if fusion is None:
        frozen = any(map(is_on_features, encoders.values()))
        written = task is not None and Text in task.wanted.values()
        plain = frozen or written if len(schema.inputs) == 1 else task is not None and task.columns
        fusion, why = mean_fusion(width) if plain else fusion_for(schema, rows, width)
        reasons.append(f"fusion: {type(fusion).__name__}, {why}")
    if task is None:
        task, why = task_for(schema, rows)
        reasons.append(f"task: {why}")
    if plan is None:
        plan, why = _planned(schema, rows, task, encoders, fusion, minutes, seed)
        reasons.append(f"plan: {why}")
    return Choice(schema, encoders, fusion, task, plan, tuple(reasons))


def _planned(
    schema: Schema,
    rows: int,
    task: Task,
    encoders: Mapping[str, Encoder],
    fusion: Fusion,
    minutes: float,
    seed: int,
) -> tuple[Plan, str]:
    written = Text in task.wanted.values()
    make = aligned_plan if task.columns else written_plan if written else plan_for
    plan, why = make(schema, rows, minutes, seed)
    frozen = [name for name, part in encoders.items() if is_on_features(part)]
    if frozen and not task.columns and not written:
        plan, why = on_features(plan, schema, frozen, rows)
    tuned = [name for name, part in encoders.items() if is_tuned(part)]
    if tuned and not task.columns:
        plan, why = on_tuned(plan, schema, tuned, rows)
    if isinstance(fusion, Temporal) and len(schema.inputs) == 2:  # each is read alone anyway
        plan = replace(plan, modality_dropout=0.0)
    return plan, why


def width_of(
    task: Task | None, encoders: Mapping[str, Encoder] | None, fusion: Fusion | None
) -> int:
    """Give the width of the parts that the user chose, else the usual one."""
    given = (part.width for part in [*(encoders or {}).values(), fusion] if part)
    usual = WIDTH
    if task is not None:
        usual = ALIGNED if task.columns else WRITTEN if Text in task.wanted.values() else WIDTH
    return next(given, usual)


def check_objects(task: object, encoders: Mapping[str, object] | None, fusion: object) -> None:
    """Refuse parts that are no objects: names, or classes that were not called.

    Errors:
        PartError: names every one.
    """
    given: list[tuple[str, object, type]] = [("task", task, Task), ("fusion", fusion, Fusion)]
    given += [
        (f"the encoder of {name!r}", part, Encoder) for name, part in (encoders or {}).items()
    ]
    faults = [
        f"{role} is {getattr(part, '__name__', None) or repr(part)}, which is no object of a "
        f"{kind.__name__}; make one, such as {_EXAMPLES[kind]}"
        for role, part, kind in given
        if part is not None and not isinstance(part, kind)
    ]
    if faults:
        raise PartError(all_at_once("These parts cannot be used:", faults))


def _suited(schema: Schema, encoders: Mapping[str, Encoder]) -> Schema:
    """Give each column the size, rate or tokenizer that its encoder needs."""
    inputs = {name: encoders[name].suited(field) for name, field in schema.inputs.items()}
    return replace(schema, inputs=inputs)
