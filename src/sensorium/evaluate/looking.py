"""What a model looked at, and heard, while it wrote: attention over the picture, times of words.

Legend: places = what the decoder looks at of one picture, side * side of them.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sensorium.core.batch import Batch, Encoded, Features
from sensorium.model import Model
from sensorium.preprocess.tokens import Tokens
from sensorium.tasks.listener import Listener, listeners_of
from sensorium.tasks.timing import Word, joined, timed
from sensorium.tasks.writer import Writer, writers_of

MOST_WORDS = 24


@dataclass(frozen=True, slots=True)
class Look:
    """Where a model looked for one word.

    Attributes:
        word: the word.
        column: the picture's column.
        side: places along one side of the picture.
        shares: how much it looked at each place, row by row; the most is 1.
    """

    word: str
    column: str
    side: int
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Senses:
    """What stood behind the text of one row.

    Attributes:
        looks: where it looked for each word; () where it looks at no picture, or does not tell.
        words: when it heard each word; () where it hears nothing, or does not tell.
    """

    looks: tuple[Look, ...] = ()
    words: tuple[Word, ...] = ()


def senses(model: Model, row: dict[str, Any], target: str) -> Senses:
    """Let a model write a target of one row again, and see what it looks at."""
    writer, listener = writers_of(model.task).get(target), listeners_of(model.task).get(target)
    if writer is None and listener is None:
        return Senses()
    batch = model.prep([{name: row.get(name) for name in model.names}])
    if not len(batch):
        return Senses()
    batch = batch.to(model.device)
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        encoded = model.encode(batch)
        features = model.conclude(encoded, batch)
        found = Senses(
            () if writer is None else _looks(model, writer, encoded, features),
            () if listener is None else _words(model, listener, batch, features),
        )
    model.train(was_training)
    return found


def _looks(
    model: Model, writer: Writer, encoded: dict[str, Encoded], features: Features
) -> tuple[Look, ...]:
    lengths = {name: found.mask.shape[1] for name, found in encoded.items()}
    first = features.fused.tokens.shape[1] - sum(lengths.values())  # a fusion's own stand before
    ((draft, *_),) = writer.write(features)
    shares = writer.attention(features.fused, draft.ids) if draft.ids else None
    if shares is None:
        return ()
    looks: list[Look] = []
    for name, length in lengths.items():
        side = math.isqrt(length)
        there = bool(features.fused.present[name].all())
        if there and side > 1 and side**2 == length and model.schema.inputs[name].kind == "image":
            own = shares[:, first : first + length]
            looks += _by_word(writer.head.tokens, draft.ids, own, name, side)
        first += length
    return tuple(looks[:MOST_WORDS])


def _by_word(
    tokens: Tokens, ids: tuple[int, ...], shares: Tensor, column: str, side: int
) -> list[Look]:
    found = []
    for word, held in joined(tokens, ids):
        own = shares[held].mean(0)
        values = (own / own.max().clamp(min=1e-9)).tolist()
        found.append(Look(word, column, side, tuple(round(value, 2) for value in values)))
    return found


def _words(model: Model, listener: Listener, batch: Batch, features: Features) -> tuple[Word, ...]:
    name, steps = listener.name, int(listener.steps(features.fused))
    if not steps or not features.fused.present[name].all():  # of an absent sound nothing is heard
        return ()
    seconds = float(batch.columns[name].mask.sum()) / getattr(model.schema.inputs[name], "rate", 1)
    (heard,) = listener.heard(features)
    return tuple(timed(listener.head.tokens, heard, seconds / steps))
