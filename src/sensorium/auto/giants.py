"""Which pretrained encoders to stand on, of those that are there without any download."""

from collections.abc import Collection
from typing import Literal, get_args

from sensorium.core.counted import counted
from sensorium.core.describe import represent
from sensorium.core.errors import PlanError
from sensorium.core.schema import Field, Image, Schema, Spans, Text
from sensorium.encoders import Encoder, Pretrained
from sensorium.encoders.towers.starter import available_starters
from sensorium.tasks import Align, Caption, Task

Pool = Literal["auto", "none"]
Quality = Literal["fast", "good", "best"]
DROPOUT, ALONE_DROPOUT = 0.5, 0.1
"""Share of the features of a pretrained encoder that is dropped while training; of one column."""
FREED = {"text": (2, None), "image": (5, 0.1)}
"""Blocks that ``"best"`` trains too, and their pace, by kind; of clothing, 0.887 became 0.92."""


def starter_for(
    field: Field, width: int, quality: Quality, dropout: float, pool: Pool = "auto"
) -> tuple[Encoder, str] | None:
    """Choose a pretrained encoder; None where there is none for this column.

    MiniLM knows English; what is split by characters, such as Chinese, is learned from the rows.
    """
    if quality == "fast":
        return None
    name = ""
    if isinstance(field, Text) and field.tokenizer in {"bpe", "words"}:
        name = "minilm"
    elif isinstance(field, Image) and field.channels == 3:
        name = "efficientnet-lite0"
    if name not in available_starters():
        return None
    freed, pace = FREED[field.kind] if quality == "best" else (0, None)
    how = f"its last {counted(freed, 'block')} trained on" if freed else "frozen"
    part = Pretrained(name, width=width, pool=pool, unfreeze_last=freed, pace=pace, dropout=dropout)
    return part, f"pretrained, {how}"


def starters(
    schema: Schema,
    quality: Quality | None,
    width: int,
    task: Task | None = None,
    given: Collection[str] = (),
) -> tuple[dict[str, Encoder], tuple[str, ...]]:
    """Choose pretrained encoders for the columns that have one, and say so.

    Args:
        schema: the columns.
        quality: what the user asked for; None is ``"good"`` for aligning and captions, else
            ``"fast"``.
        width: the common width.
        task: what the user wants: words are written from all tokens of a picture.
        given: columns whose encoders the user chose.

    Errors:
        PlanError: another quality.
    """
    dropout = DROPOUT if len(schema.inputs) > 1 else ALONE_DROPOUT
    rich = isinstance(task, Align | Caption)
    quality = quality or ("good" if rich else "fast")
    if quality not in get_args(Quality):
        known = ", ".join(map(repr, get_args(Quality)))
        msg = f"quality is one of {known}, found {quality!r}"
        raise PlanError(msg)
    left = {name: field for name, field in schema.inputs.items() if name not in given}
    written = task is not None and not {Text, Spans}.isdisjoint(task.wanted.values())
    chosen = {
        name: starter_for(f, width, quality, dropout, "none" if written else "auto")
        for name, f in left.items()
    }
    found = {name: entry for name, entry in chosen.items() if entry is not None}
    reasons = [f"{name}: {represent(part)}, {why}" for name, (part, why) in found.items()]
    if left and quality != "fast" and not available_starters():
        reasons.append(
            f"quality {quality!r}: no pretrained encoders are installed, so all is learned from "
            "these rows; pip install 'sensorium[starter]'"
        )
    return {name: part for name, (part, _) in found.items()}, tuple(reasons)
