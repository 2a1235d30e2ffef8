"""A small model that really learns to write, and the rows that it learned from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sensorium.core.schema import Category, Number, Schema, Text
from sensorium.data import Table, read
from sensorium.decoders import TextDecoder
from sensorium.encoders import Categories, Numbers
from sensorium.fusion import Concat
from sensorium.model import Model
from sensorium.preprocess import Preprocess, Shelf
from sensorium.tasks import Caption, Task

WIDTH = 16
NUMBERS = ("one", "two", "three")
COLOURS = ("red", "blue", "grün")
SCHEMA = Schema(
    {"colour": Category(), "count": Number()}, {"note": Text(max_tokens=60, vocabulary=500)}
)


def text_of(colour: str, count: int) -> str:
    return f"{NUMBERS[count - 1]} {colour} {'cube' if count == 1 else 'cubes'} 😀"


def note_rows(count: int, seed: int = 0, lost: float = 0.0) -> list[dict[str, Any]]:
    """Rows whose note says their colour and their count; a second note is shorter."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for number in range(count):
        colour, many = COLOURS[number % 3], number // 3 % 3 + 1
        whole = text_of(colour, many)
        note: Any = [whole, whole] if number % 2 else whole
        rows.append(
            {"colour": colour, "count": many, "note": None if rng.random() < lost else note}
        )
    return rows


def note_table(count: int, seed: int = 0, lost: float = 0.0) -> Table:
    return read(note_rows(count, seed, lost)).with_schema(SCHEMA)


def note_model(table: Table, task: Task | None = None, steps: int = 0) -> Model:
    """Make the model, and train it so many steps on the whole table at once."""
    model = Model(
        Preprocess.fit(table),
        encoders={"colour": Categories(WIDTH), "count": Numbers(WIDTH)},
        fusion=Concat(WIDTH, dropout=0.0),
        task=task or Caption("note", decoder=TextDecoder(depth=1, heads=2, dropout=0.0)),
    )
    shelf = Shelf.of(model.prep, table)
    model.task.study(shelf.texts)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    model.train()
    for step in range(steps):
        batch = shelf.batch(range(len(table)), turn=step)
        optimiser.zero_grad()
        torch.stack(list(model.task.loss(model(batch), batch).values())).sum().backward()
        optimiser.step()
    return model.eval()


@dataclass(frozen=True)
class Author:
    """A model that writes, with the rows that it learned from and others like them."""

    model: Model
    train: Table
    test: Table


def author() -> Author:
    train = note_table(18)
    return Author(note_model(train, steps=80), train, note_table(60, 1))
