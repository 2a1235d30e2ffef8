"""Which pretrained encoders to stand on, of those that are there without any download."""

from collections.abc import Collection
from typing import Literal, get_args

from sensorium.core.describe import represent
from sensorium.core.errors import PlanError
from sensorium.core.schema import Field, Image, Schema, Text
from sensorium.encoders import Encoder, Pretrained
from sensorium.encoders.towers.starter import available_starters

Quality = Literal["fast", "good", "best"]
DROPOUT, ALONE_DROPOUT = 0.5, 0.1
"""Share of the features of a pretrained encoder that is dropped while training; of one column."""
FREED = 2
"""Blocks that ``"best"`` trains too."""


def starter_for(
    field: Field, width: int, quality: Quality, dropout: float
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
    freed = FREED if quality == "best" else 0
    how = f"its last {freed} blocks trained on" if freed else "frozen"
    part = Pretrained(name, width=width, unfreeze_last=freed, dropout=dropout)
    return part, f"pretrained, {how}"


def starters(
    schema: Schema,
    quality: Quality | None,
    width: int,
    *,
    aligned: bool,
    given: Collection[str] = (),
) -> tuple[dict[str, Encoder], tuple[str, ...]]:
    """Choose pretrained encoders for the columns that have one, and say so.

    Args:
        schema: the columns.
        quality: what the user asked for; None is ``"good"`` for aligning, else ``"fast"``.
        width: the common width.
        aligned: whether the columns are brought into one space.
        given: columns whose encoders the user chose.

    Errors:
        PlanError: another quality.
    """
    dropout = DROPOUT if len(schema.inputs) > 1 else ALONE_DROPOUT
    quality = quality or ("good" if aligned else "fast")
    if quality not in get_args(Quality):
        known = ", ".join(map(repr, get_args(Quality)))
        msg = f"quality is one of {known}, found {quality!r}"
        raise PlanError(msg)
    left = {name: field for name, field in schema.inputs.items() if name not in given}
    chosen = {name: starter_for(f, width, quality, dropout) for name, f in left.items()}
    found = {name: entry for name, entry in chosen.items() if entry is not None}
    reasons = [f"{name}: {represent(part)}, {why}" for name, (part, why) in found.items()]
    if left and quality != "fast" and not available_starters():
        reasons.append(
            f"quality {quality!r}: no pretrained encoders are installed, so all is learned from "
            "these rows; pip install 'sensorium[starter]'"
        )
    return {name: part for name, (part, _) in found.items()}, tuple(reasons)
