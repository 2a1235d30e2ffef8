"""The rules behind ``choose``: one function a part, each giving the part and its reason."""

from sensorium.core.errors import SchemaError
from sensorium.core.schema import Category, Field, Flag, Number, Schema
from sensorium.encoders import (
    Categories,
    Dates,
    Encoder,
    Flags,
    NGrams,
    Piecewise,
    ResNet,
    SeriesCNN,
    Spectrogram,
    TextTransformer,
    Vectors,
)
from sensorium.fusion import Concat, FiLM, Fusion
from sensorium.tasks import Classify, Regress, Several, Tag, Task
from sensorium.train import Plan

MANY_ROWS = 20_000
"""From so many rows on, words are read in order by a Transformer."""


ENCODERS_BY_KIND: dict[str, tuple[type[Encoder], str]] = {
    "image": (ResNet, "a residual network learns most from few pictures"),
    "audio": (Spectrogram, "a residual network over the log-mel spectrogram"),
    "number": (Piecewise, "bends where the training numbers do"),
    "category": (Categories, "a learned vector a name"),
    "flag": (Flags, "a learned vector each for yes and no"),
    "date": (Dates, "cyclic parts and the trend"),
    "series": (SeriesCNN, "dilated convolutions over time"),
    "vector": (Vectors, "a small network over the numbers"),
}


def encoder_for(field: Field, rows: int, width: int) -> tuple[Encoder, str]:
    """Choose the encoder of one column."""
    if field.kind == "text" and rows >= MANY_ROWS:
        return TextTransformer(width=width), f"{rows:,} rows are enough to learn word order"
    if field.kind == "text":
        return NGrams(width=width), f"strong on {rows:,} rows and fast"
    part, why = ENCODERS_BY_KIND[field.kind]
    return part(width=width), why


def fusion_for(schema: Schema, rows: int, width: int) -> tuple[Fusion, str]:
    """Choose how the columns meet."""
    kinds = [field.kind for field in schema.inputs.values()]
    if len(kinds) == 1:
        return Concat(width=width), "one column: a small network on top"
    places = any(kind in {"image", "audio", "series"} for kind in kinds)
    if places and "text" in kinds and rows >= MANY_ROWS:
        return FiLM(width=width), "words steer what is looked for in the places of the other"
    return Concat(width=width), "all columns side by side into a small network"


def task_for(schema: Schema) -> tuple[Task, str]:
    """Choose the task by the targets' kinds."""
    if not schema.targets:
        msg = "there is no target: name the column to learn, target='...' (--target NAME)"
        raise SchemaError(msg)
    tasks = [_one_task(name, field) for name, field in schema.targets.items()]
    numbers = [name for name, field in schema.targets.items() if field.kind == "number"]
    if len(tasks) == 1:
        return tasks[0], f"{type(tasks[0]).__name__} {next(iter(schema.targets))!r} by its kind"
    if len(numbers) == len(tasks):
        return Regress(*numbers), f"{len(numbers)} numbers together"
    return Several(*tasks), f"{len(tasks)} targets together"


def _one_task(name: str, field: Field) -> Task:
    match field:
        case Category(many=True):
            return Tag(name)
        case Category() | Flag():
            return Classify(name)
        case Number():
            return Regress(name)
        case _:
            msg = (
                f"target {name!r} is {field.kind}; a target is a category, a flag or a number: "
                f"override its kind, kinds={{{name!r}: Category()}} (--kind {name}=category)"
            )
            raise SchemaError(msg)


def sized(schema: Schema, rows: int) -> Schema:
    """Settle the sizes that inference leaves open."""
    del rows
    return schema


def plan_for(schema: Schema, rows: int, minutes: float, seed: int) -> tuple[Plan, str]:
    """Choose epochs, rate and augmentation."""
    kinds = {field.kind for field in schema.inputs.values()}
    step = 32 if rows < 1_500 else 64 if rows < 20_000 else 128
    steps = 12_000 if kinds & {"image", "audio"} else 6_000
    epochs = max(4, min(60, round(steps * step / max(rows, 1))))
    augment: tuple[str, ...] = ()
    if "image" in kinds:
        augment += ("flip", "crop") if "text" not in kinds else ("crop",)
    if "audio" in kinds:
        augment += ("shift", "noise")
    plan = Plan(
        epochs=epochs,
        minutes=minutes,
        rows_per_step=step,
        rate=1e-3 if kinds & {"image", "audio", "series"} else 2e-3,
        ema=0.99,
        augment=augment,
        seed=seed,
    )
    return plan, f"up to {epochs} epochs of {rows:,} rows, {step} at a time, in {minutes:g} minutes"
