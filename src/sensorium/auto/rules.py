"""The rules behind ``choose``: one function a part, each giving the part and its reason."""

from collections.abc import Sequence

from sensorium.core.errors import SchemaError
from sensorium.core.schema import Category, Field, Flag, Number, Schema
from sensorium.encoders import (
    Categories,
    ConvNet,
    Dates,
    Encoder,
    NGrams,
    Piecewise,
    ResNet,
    SeriesCNN,
    Spectrogram,
    TextCNN,
    Vectors,
)
from sensorium.fusion import Concat, Fusion, LowRankBilinear
from sensorium.tasks import Classify, Regress, Several, Tag, Task
from sensorium.train import Plan

MEDIA = {"image", "audio", "series"}

ENCODERS_BY_KIND: dict[str, tuple[type[Encoder], str]] = {
    "text": (NGrams, "hashed words and word pairs, light and quick"),
    "number": (Piecewise, "bends where the training numbers do"),
    "category": (Categories, "a learned vector a name"),
    "flag": (Categories, "a learned vector each for yes and no"),
    "date": (Dates, "cyclic parts and the trend"),
    "series": (SeriesCNN, "dilated convolutions over time"),
    "vector": (Vectors, "a small network over the numbers"),
}


def encoder_for(field: Field, schema: Schema, width: int) -> tuple[Encoder, str]:
    """Choose the encoder of one column."""
    if field.kind == "image":
        if len(schema.inputs) == 1:
            return ResNet(width=width, stages=(32, 64, 128, 256)), "pictures are all there is"
        return ConvNet(width=width, stages=(8, 16, 32, 64)), "light, beside other columns"
    if field.kind == "text" and len(schema.inputs) == 1:
        return TextCNN(width=width), "words are all there is: convolutions find phrases"
    if field.kind == "audio":
        small = Spectrogram(width=width, stages=(16, 32, 64), mels=40)
        return small, "a small residual network over the log-mel spectrogram"
    part, why = ENCODERS_BY_KIND[field.kind]
    return part(width=width), why


def fusion_for(schema: Schema, width: int) -> tuple[Fusion, str]:
    """Choose how the columns meet."""
    kinds = [field.kind for field in schema.inputs.values()]
    if "text" in kinds and set(kinds) & MEDIA:
        return LowRankBilinear(width=width), "words ask about the rest: the columns are multiplied"
    if len(kinds) == 1:
        return Concat(width=width), "one column: a small network on top"
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


def plan_for(schema: Schema, rows: int, minutes: float, seed: int) -> tuple[Plan, str]:
    """Choose epochs, rate and augmentation."""
    kinds = [field.kind for field in schema.inputs.values()]
    step = 32 if rows < 2_000 else 64
    steps = 8_000 if set(kinds) & MEDIA else 4_000
    epochs = max(4, min(40, round(steps * step / max(rows, 1))))
    plan = Plan(
        epochs=epochs,
        minutes=minutes,
        rows_per_step=step,
        rate=3e-3,
        ema=0.99,
        modality_dropout=0.05,
        augment=_augment(kinds),
        seed=seed,
    )
    return plan, f"up to {epochs} epochs of {rows:,} rows, {step} at a time, in {minutes:g} minutes"


def _augment(kinds: Sequence[str]) -> tuple[str, ...]:
    names: tuple[str, ...] = ()
    if "image" in kinds:
        names += ("crop",) if "text" in kinds else ("flip", "crop")
    if "audio" in kinds:
        names += ("shift", "noise")
    return names
