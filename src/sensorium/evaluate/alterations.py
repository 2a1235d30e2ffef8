"""The same rows once more, altered: columns taken away or shuffled, many alterations a batch.

Each batch is put together once and then goes through the model as often as there are alterations.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Int

from sensorium.core.batch import Batch
from sensorium.core.seed import generator
from sensorium.model import Model
from sensorium.preprocess import Shelf
from sensorium.tasks.head import Array

Alter = Callable[[Batch, int], Batch]
"""Alters a batch; the number is the batch's, for random draws."""


@dataclass(frozen=True)
class Only:
    """Leave nothing but some columns."""

    columns: tuple[str, ...]
    inputs: tuple[str, ...]

    def __call__(self, batch: Batch, _number: int) -> Batch:
        """Take all other inputs away."""
        return batch.without(*(name for name in self.inputs if name not in self.columns))


@dataclass(frozen=True)
class Shuffled:
    """Give each row another row's cells of some columns: their message is lost, their look kept."""

    columns: tuple[str, ...]
    seed: int
    repeat: int = 0

    def __call__(self, batch: Batch, number: int) -> Batch:
        """Shuffle the rows of these columns together."""
        draw = generator(self.seed, "shuffle", *self.columns, self.repeat, number)
        order = torch.randperm(len(batch), generator=draw)
        moved = {name: batch.columns[name].rows(order) for name in self.columns}
        return replace(batch, columns={**batch.columns, **moved})


def altered(
    model: Model,
    shelf: Shelf,
    places: Int[np.ndarray, " rows"],
    alterations: Mapping[Any, Alter],
    *,
    without: Sequence[str] = (),
    rows_per_step: int = 256,
) -> dict[Any, dict[str, Array]]:
    """Run rows through the model under each alteration.

    Args:
        model: the model.
        shelf: the clean cells.
        places: the rows, by their place on the shelf; the answers keep this order. Where columns
            are shuffled it should be random: they are shuffled within a batch.
        alterations: by any name.
        without: input columns that are taken away throughout.
        rows_per_step: rows that go through the model at once, about.

    Returns:
        What the model decided, by alteration, then by target.
    """
    seen: dict[Any, list[dict[str, Array]]] = {name: [] for name in alterations}
    chunks = np.array_split(places, max(1, -(-len(places) // rows_per_step)))
    for number, chunk in enumerate(chunks if alterations else ()):
        batch = shelf.batch(chunk.tolist()).without(*without)
        for name, alter in alterations.items():
            seen[name].append(decide(model, alter(batch, number)))
    return {
        name: {target: np.concatenate([step[target] for step in steps]) for target in steps[0]}
        for name, steps in seen.items()
    }


def decide(model: Model, batch: Batch) -> dict[str, Array]:
    """Answer one batch, by target."""
    outputs = model.features(batch).outputs
    return {target: head.decide(outputs[target]) for target, head in model.task.heads.items()}
