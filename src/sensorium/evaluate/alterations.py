"""The same rows once more, altered: columns taken away or shuffled, many alterations a batch.

Each batch is encoded once, column by column, which is most of the work; then the encoded columns
are altered and concluded from as often as there are alterations. That is the same as altering the
cells, because an encoder looks at nothing but its own column, row by row.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Int

from sensorium.core.batch import Batch, Encoded
from sensorium.core.seed import generator
from sensorium.model import Model
from sensorium.preprocess import Shelf
from sensorium.tasks.head import Array

Columns = Mapping[str, Encoded]

Alter = Callable[[Columns, int], dict[str, Encoded]]
"""Alters encoded columns; the number is the batch's, for random draws."""


@dataclass(frozen=True)
class Only:
    """Leave nothing but some columns."""

    columns: tuple[str, ...]

    def __call__(self, encoded: Columns, _number: int) -> dict[str, Encoded]:
        """Take all others away."""
        return {n: e if n in self.columns else absent(e) for n, e in encoded.items()}


@dataclass(frozen=True)
class Shuffled:
    """Give each row another row's cells of some columns: their message is lost, their look kept."""

    columns: tuple[str, ...]
    seed: int
    repeat: int = 0

    def __call__(self, encoded: Columns, number: int) -> dict[str, Encoded]:
        """Shuffle the rows of these columns together."""
        order = self._order(len(next(iter(encoded.values())).present), number)
        return {n: dealt(e, order) if n in self.columns else e for n, e in encoded.items()}

    def texts(self, batch: Batch, number: int, names: Sequence[str]) -> Batch:
        """Deal the words of these columns alike, for tasks that read them as they stand."""
        mine = [name for name in names if name in self.columns]
        order = self._order(len(batch), number)
        columns = {name: batch.columns[name].rows(order) for name in mine}
        return replace(batch, columns={**batch.columns, **columns})

    def _order(self, rows: int, number: int) -> Int[torch.Tensor, " rows"]:
        draw = generator(self.seed, "shuffle", *self.columns, self.repeat, number)
        return torch.randperm(rows, generator=draw)


def absent(encoded: Encoded) -> Encoded:
    """Take a column away."""
    return Encoded(*(torch.zeros_like(x) for x in (encoded.tokens, encoded.mask, encoded.present)))


def dealt(encoded: Encoded, order: Int[torch.Tensor, " rows"]) -> Encoded:
    """Give the rows of a column in another order."""
    return Encoded(encoded.tokens[order], encoded.mask[order], encoded.present[order])


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
    was_training = model.training
    model.eval()
    seen: dict[Any, list[dict[str, Array]]] = {name: [] for name in alterations}
    chunks = np.array_split(places, max(1, -(-len(places) // rows_per_step)))
    for number, chunk in enumerate(chunks if alterations else ()):
        batch = shelf.batch(chunk.tolist()).without(*without).to(model.device)
        for name, decided in _decided(model, batch, alterations, number):
            seen[name].append(decided)
    model.train(was_training)
    return {
        name: {target: np.concatenate([step[target] for step in steps]) for target in steps[0]}
        for name, steps in seen.items()
    }


@torch.inference_mode()
def _decided(
    model: Model, batch: Batch, alterations: Mapping[Any, Alter], number: int
) -> list[tuple[Any, dict[str, Array]]]:
    encoded = model.encode(batch)
    reads = model.task.reads
    decided = []
    for name, alter in alterations.items():
        read = alter.texts(batch, number, reads) if isinstance(alter, Shuffled) else batch
        decided.append((name, model.task.decided(model.conclude(alter(encoded, number), read))))
    return decided
