"""The rules behind ``choose``: one function a part, each giving the part and its reason."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from sensorium.core.describe import represent
from sensorium.core.errors import SchemaError
from sensorium.core.schema import (
    Category,
    Date,
    Field,
    Flag,
    Image,
    Number,
    Schema,
    Series,
    Spans,
    Text,
)
from sensorium.encoders import (
    Categories,
    ConvNet,
    Dates,
    Encoder,
    NGrams,
    Numbers,
    Piecewise,
    Pretrained,
    ResNet,
    SeriesCNN,
    SeriesMoments,
    Spectrogram,
    Speech,
    Stem,
    TextCNN,
    TextLSTM,
    Vectors,
)
from sensorium.fusion import Concat, Fusion, Gated, Late, LowRankBilinear, Mean, Temporal
from sensorium.preprocess import AUGMENTATIONS
from sensorium.tasks import Classify, Regress, Several, Tag, Task, Transcribe
from sensorium.train import Plan

SHORT = 64
"""Signals of so few steps are like rows of a table."""

LONG = 128
"""Texts of more characters are learned by heart at once unless their vectors are slow."""

MEDIA = {"image", "audio", "series"}

MANY = 5_000
"""From so many rows on, words and media are multiplied; of sounds, steps are of 64 rows."""
SOUNDS = 3_000
"""So many sounds fill a wider network, if they are mixed with each other while it learns."""
TUNED = 8
"""A pretrained network is tuned for so many epochs at most."""
MILD = {"flip", "crop"}
FEW = 1_500
"""So few rows a network learns by heart: fewer weights, more changes, every column by itself."""

ENCODERS_BY_KIND: dict[str, tuple[type[Encoder], str]] = {
    "number": (Piecewise, "bends where the training numbers do"),
    "category": (Categories, "a learned vector a name"),
    "flag": (Categories, "a learned vector each for yes and no"),
    "date": (Dates, "hour, weekday and season, and the trend unless rows are held out by time"),
    "vector": (Vectors, "a small network over the numbers"),
}


def encoder_for(
    field: Field, schema: Schema, rows: int, width: int, task: Task | None = None
) -> tuple[Encoder, str]:
    """Choose the encoder of one column."""
    alone = len(schema.inputs) == 1
    if isinstance(field, Text):
        spans = task is not None and Spans in task.wanted.values()
        return _for_spans(width) if spans else _for_text(field, width, alone=alone)
    if field.kind == "image":
        return _for_image(rows, width, alone=alone, classes=_is_of_classes(schema))
    if field.kind == "audio":
        return _for_audio(width, many=_is_many_sounds(schema, rows), task=task)
    if isinstance(field, Series):
        return _for_series(field, rows, width)
    if field.kind == "number" and _is_held_out_by_time(schema):
        return Numbers(width=width), "a line: later rows may lie beyond all that was learned from"
    part, why = ENCODERS_BY_KIND[field.kind]
    return part(width=width), why


def _for_image(rows: int, width: int, *, alone: bool, classes: bool) -> tuple[Encoder, str]:
    if rows < FEW:
        small = ConvNet(width=width, stages=(16, 32, 64, 128), described=classes)
        more = "colours, outlines and textures" if classes else "statistics of its every level"
        return small, f"few rows: a plain network, and {more}"
    if alone:
        return ResNet(width=width, stages=(32, 64, 128, 256)), "pictures are all there is"
    return ConvNet(width=width, stages=(8, 16, 32, 64)), "light, beside other columns"


def _for_audio(width: int, *, many: bool, task: Task | None) -> tuple[Encoder, str]:
    if isinstance(task, Transcribe):
        return Speech(width=width), "steps of 40 ms that hear what is before and behind them"
    if many:
        wide = Spectrogram(width=width, stages=(32, 64, 128), mels=40, mask_share=0.3)
        return wide, "many sounds: a residual network over the log-mel spectrogram, much hidden"
    small = Spectrogram(width=width, stages=(16, 32, 64), mels=40)
    return small, "a small residual network over the log-mel spectrogram"


def _for_series(field: Series, rows: int, width: int) -> tuple[Encoder, str]:
    if rows < FEW and not _is_long(field):
        small = SeriesMoments(width=width)
        return small, "few rows of few steps: means and deviations, half of them dropped"
    return SeriesCNN(width=width), "convolutions over time and statistics of every level"


def _for_text(field: Text, width: int, *, alone: bool) -> tuple[Encoder, str]:
    if field.tokenizer == "characters":
        longest = 5 if field.lowercase else 3
        many, pace = (300_000, 0.003) if alone and field.max_tokens > LONG else (20_000, 1.0)
        grams = NGrams(width=width, longest=longest, buckets=many, pace=pace)
        return grams, f"hashed runs of up to {longest} characters"
    if alone:
        return TextCNN(width=width), "words are all there is: convolutions find phrases"
    pairs = NGrams(width=width, buckets=20_000, normed=True)
    return pairs, "hashed words and word pairs, light and quick"


def _for_spans(width: int) -> tuple[Encoder, str]:
    return TextLSTM(width=width), "read both ways, word by word, for spans are to be found"


def _is_rich(field: Field) -> bool:
    """Tell cells that hold much, most of it beside the point, from cells of a few numbers."""
    return field.kind in {"text", "image", "audio"} or _is_long(field)


def _is_of_classes(schema: Schema) -> bool:
    return all(field.kind in {"category", "flag"} for field in schema.targets.values())


def _is_long(field: Field) -> bool:
    return isinstance(field, Series) and field.max_steps > SHORT


def is_of_signals(schema: Schema, rows: int) -> bool:
    """Tell whether a table of few rows has several long signals, and nothing else, of classes."""
    fields = schema.inputs.values()
    signals = len(fields) > 1 and all(map(_is_long, fields))
    return signals and rows < FEW and bool(schema.targets) and _is_of_classes(schema)


def signals_together(schema: Schema, width: int) -> tuple[dict[str, Encoder], Fusion, list[str]]:
    """Choose parts that read several signals as one, with a reason for each."""
    encoders: dict[str, Encoder] = {name: Stem(width=width) for name in schema.inputs}
    reasons = [
        f"{name}: {represent(part)}, one convolution, for the signals go on together"
        for name, part in encoders.items()
    ]
    why = "signals of the same time: one network reads their channels side by side"
    return encoders, Temporal(width=width), [*reasons, f"fusion: Temporal, {why}"]


def _is_many_sounds(schema: Schema, rows: int) -> bool:
    return [field.kind for field in schema.inputs.values()] == ["audio"] and rows >= SOUNDS


def _is_held_out_by_time(schema: Schema) -> bool:
    return any(isinstance(f, Date) and not f.trend for f in schema.inputs.values())


def fusion_for(schema: Schema, rows: int, width: int) -> tuple[Fusion, str]:
    """Choose how the columns meet."""
    kinds = [field.kind for field in schema.inputs.values()]
    classes = _is_of_classes(schema)
    if len(kinds) == 1:
        return Concat(width=width), "one column: a small network on top"
    if rows < FEW and classes and all(map(_is_rich, schema.inputs.values())):
        why = "few rows: every column decides by itself, and the probabilities are multiplied"
        return Late(width=width, combine="product"), why
    if rows < FEW and set(kinds) & MEDIA:
        return Gated(width=width), "few rows: every column has a gate, so that a noisy one can shut"
    if rows >= MANY and "text" in kinds and set(kinds) & MEDIA:
        return LowRankBilinear(width=width), "words ask about the rest: the columns are multiplied"
    return Concat(width=width), "all columns side by side into a small network"


def task_for(schema: Schema, rows: int) -> tuple[Task, str]:
    """Choose the task by the targets' kinds."""
    if not schema.targets:
        msg = "there is no target: name the column to learn, target='...' (--target NAME)"
        raise SchemaError(msg)
    kinds = [field.kind for field in schema.inputs.values()]
    soft = 0.1 if kinds == ["image"] or rows < FEW else 0.0
    tasks = [_one_task(name, field, soft) for name, field in schema.targets.items()]
    numbers = [name for name, field in schema.targets.items() if field.kind == "number"]
    if len(tasks) == 1:
        return tasks[0], f"{type(tasks[0]).__name__} {next(iter(schema.targets))!r} by its kind"
    if len(numbers) == len(tasks):
        return Regress(*numbers), f"{len(numbers)} numbers together"
    return Several(*tasks), f"{len(tasks)} targets together"


def _one_task(name: str, field: Field, smoothing: float) -> Task:
    match field:
        case Category(many=True):
            return Tag(name)
        case Category() | Flag():
            return Classify(name, label_smoothing=smoothing)
        case Number():
            return Regress(name)
        case _:
            msg = (
                f"target {name!r} is {field.kind}; a target is a category, a flag or a number: "
                f"override its kind, kinds={{{name!r}: Category()}} (--kind {name}=category)"
            )
            raise SchemaError(msg)


class Length(NamedTuple):
    """How long to learn: so many rows seen, but no fewer and no more epochs than these."""

    seen: int
    fewest: int
    most: int


TABLES = Length(40_000, 6, 40)
WRITTEN = Length(30_000, 10, 50)
WRITTEN_SOUNDS = Length(16_000, 16, 80)
ON_FEATURES = Length(150_000, 20, 40)
OTHERS = {
    "text": Length(40_000, 6, 20),
    "audio": Length(65_000, 24, 40),
    "series": Length(2_000, 10, 40),
}


def _length(schema: Schema, rows: int) -> Length:
    """Words are learned by heart within a few epochs; pictures, sounds and signals need many."""
    fields = schema.inputs.values()
    kinds = {field.kind for field in fields}
    if kinds == {"text"}:
        by_characters = {getattr(field, "tokenizer", "") for field in fields} == {"characters"}
        return Length(22_000, 4, 30) if by_characters else Length(40_000, 6, 30)
    if "text" in kinds and kinds & MEDIA:
        return Length(500_000, 8, 40) if rows >= MANY else Length(12_500, 6, 30)
    if kinds == {"image"}:
        return Length(200_000, 12, 60)
    if _is_many_sounds(schema, rows):
        return Length(150_000, 24, 60)
    if any(map(_is_long, fields)):
        return Length(100_000, 12, 60)
    return OTHERS.get(next((kind for kind in OTHERS if kind in kinds), ""), TABLES)


def plan_for(schema: Schema, rows: int, minutes: float, seed: int) -> tuple[Plan, str]:
    """Choose epochs, rate and augmentation."""
    kinds = [field.kind for field in schema.inputs.values()]
    step = 32 if rows < (MANY if "audio" in kinds else FEW) else 64
    length = _length(schema, rows)
    epochs = max(length.fewest, min(length.most, round(length.seen / max(rows, 1))))
    plan = Plan(
        epochs=epochs,
        minutes=minutes,
        rows_per_step=step,
        rate=2e-3 if kinds == ["audio"] else 3e-3,
        ema=0.99,
        modality_dropout=0.05,
        augment=_augment(schema, rows),
        mixup=0.2 if _is_many_sounds(schema, rows) else 0.0,
        seed=seed,
    )
    return plan, f"up to {epochs} epochs of {rows:,} rows, {step} at a time, in {minutes:g} min"


def _augment(schema: Schema, rows: int) -> tuple[str, ...]:
    fields = schema.inputs.values()
    kinds = {field.kind for field in fields}
    names: tuple[str, ...] = ()
    if "image" in kinds:
        names += ("flip",) if "text" not in kinds and not any(map(_is_grey, fields)) else ()
        names += ("crop",)
        names += ("rand",) if kinds == {"image"} and rows >= FEW else ()
    if "audio" in kinds:
        names += ("shift", "noise")
    if "series" in kinds:
        names += ("jitter", "scale", "window")
    return names


def _is_grey(field: Field) -> bool:
    """Grey pictures are often signs, and a mirrored sign is another one."""
    return isinstance(field, Image) and field.channels == 1


def mean_fusion(width: int) -> tuple[Fusion, str]:
    """Choose the average, which learns nothing: of one space, or of one pretrained column."""
    return Mean(width=width), "nothing to learn between the columns"


def is_on_features(encoder: Encoder) -> bool:
    """Tell whether an encoder only projects what a frozen network gives."""
    return isinstance(encoder, Pretrained) and not (encoder.unfreeze_last or encoder.lora)


def is_tuned(encoder: Encoder) -> bool:
    """Tell whether an encoder trains some of a pretrained network."""
    return isinstance(encoder, Pretrained) and bool(encoder.unfreeze_last or encoder.lora)


def on_tuned(plan: Plan, schema: Schema, tuned: Sequence[str], rows: int) -> tuple[Plan, str]:
    """Suit a plan to networks that know much: few epochs, 32 rows at a time, mild changes."""
    kinds = {schema.inputs[name].kind for name in tuned}
    augment = tuple(n for n in plan.augment if AUGMENTATIONS[n][0] not in kinds or n in MILD)
    plan = replace(plan, epochs=min(plan.epochs, TUNED), rows_per_step=32, augment=augment)
    return plan, (
        f"up to {plan.epochs} epochs of {rows:,} rows, {plan.rows_per_step} at a time, in "
        f"{plan.minutes:g} min; part of {' and '.join(tuned)} was pretrained"
    )


def on_features(plan: Plan, schema: Schema, frozen: Sequence[str], rows: int) -> tuple[Plan, str]:
    """Suit a plan to kept features: no views of their cells, and many epochs, which cost little."""
    kinds = {schema.inputs[name].kind for name in frozen}
    augment = tuple(name for name in plan.augment if AUGMENTATIONS[name][0] not in kinds)
    plan = replace(plan, augment=augment)
    if {name for name, field in schema.inputs.items() if _is_rich(field)} <= set(frozen):
        length = ON_FEATURES
        epochs = max(length.fewest, min(length.most, round(length.seen / max(rows, 1))))
        plan = replace(plan, epochs=epochs)
    return plan, (
        f"up to {plan.epochs} epochs of {rows:,} rows, {plan.rows_per_step} at a time, in "
        f"{plan.minutes:g} min; pretrained features are made once"
    )


def aligned_plan(schema: Schema, rows: int, minutes: float, seed: int) -> tuple[Plan, str]:  # noqa: ARG001
    """Choose batches as large as the rows allow: every other row of a batch is a negative."""
    step = max(16, min(256, rows // 8))
    epochs = max(8, min(60, round(60_000 / max(rows, 1))))
    plan = Plan(
        epochs=epochs,
        minutes=minutes,
        rows_per_step=step,
        rate=1e-3,
        ema=0.99,
        modality_dropout=0.0,
        seed=seed,
    )
    return plan, f"up to {epochs} epochs of {rows:,} rows, {step} at a time, in {minutes:g} min"


def written_plan(schema: Schema, rows: int, minutes: float, seed: int) -> tuple[Plan, str]:
    """Choose epochs for words: each of them is a lesson, so rows suffice sooner."""
    kinds = {field.kind for field in schema.inputs.values()}
    heard = kinds == {"audio"}
    length = WRITTEN_SOUNDS if heard else WRITTEN
    epochs = max(length.fewest, min(length.most, round(length.seen / max(rows, 1))))
    plan = Plan(
        epochs=epochs,
        minutes=minutes,
        rows_per_step=16 if heard else 32 if rows < MANY else 64,
        rate=2e-3 if heard else 1e-3,
        ema=0.99,
        modality_dropout=0.0 if len(kinds) == 1 else 0.05,
        augment=("speed",) if heard else (),
        seed=seed,
    )
    step = plan.rows_per_step
    return plan, f"up to {epochs} epochs of {rows:,} rows, {step} at a time, in {minutes:g} min"
