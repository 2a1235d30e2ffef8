"""Small models that really learn, on tables whose truth is known by construction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sensorium.core.schema import Category, Field, Schema
from sensorium.data import Table, read
from sensorium.encoders import Categories, Encoder
from sensorium.fusion import Concat
from sensorium.model import Model
from sensorium.preprocess import Preprocess, Shelf
from sensorium.tasks import Classify, Task

WIDTH = 16


@dataclass(frozen=True)
class Taught:
    """A model with the rows that it learned from and others like them."""

    model: Model
    train: Table
    test: Table


def learn(model: Model, table: Table, steps: int = 60, hide: float = 0.0) -> Model:
    """Train on the whole table at once, with a share of the cells hidden."""
    batch = Shelf.of(model.prep, table).batch(range(len(table)))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    model.train()
    for _ in range(steps):
        gone = [name for name in model.names if torch.rand(()) < hide]
        losses = model.task.loss(model(batch.without(*gone)), batch)
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
    return model.eval()


def rows_of(rule: Callable[[str, str], str], count: int, seed: int) -> list[dict[str, Any]]:
    """Draw two independent bits a row, left and right, and the answer that the rule gives."""
    bits = np.random.default_rng(seed).integers(0, 2, (count, 2))
    names = [("no", "yes")[a] for a in (0, 1)]
    drawn = [(names[a], names[b]) for a, b in bits]
    return [{"left": a, "right": b, "answer": rule(a, b)} for a, b in drawn]


def taught(
    train: Sequence[Mapping[str, Any]],
    test: Sequence[Mapping[str, Any]],
    inputs: Mapping[str, Field],
    *,
    group: str | None = None,
    task: Task | None = None,
) -> Taught:
    """Fit a small model of category columns."""
    schema = Schema(inputs, {"answer": Category()}, group)
    tables = [read(list(rows)).with_schema(schema) for rows in (train, test)]
    encoders: dict[str, Encoder] = {name: Categories(WIDTH) for name in inputs}
    model = Model(
        Preprocess.fit(tables[0]),
        encoders=encoders,
        fusion=Concat(WIDTH, dropout=0.0),
        task=task or Classify("answer"),
    )
    return Taught(learn(model, tables[0], hide=0.1), *tables)


def either(rule: Callable[[str, str], str], test_rows: int = 200) -> Taught:
    """Teach a rule of two bits."""
    inputs = {"left": Category(), "right": Category()}
    return taught(rows_of(rule, 200, 0), rows_of(rule, test_rows, 1), inputs)


def chances(chosen: Sequence[int], classes: int, sure: float = 0.9) -> Any:
    """Give probabilities whose most probable classes are these."""
    rest = (1 - sure) / (classes - 1)
    made = np.full((len(chosen), classes), rest)
    made[np.arange(len(chosen)), list(chosen)] = sure
    return made
