"""Names, any number a cell: clean tuple of str; Float[batch classes] of 0 and 1."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float32

from sensorium.core.batch import Column, Layout
from sensorium.core.schema import Category
from sensorium.preprocess.cells import missing
from sensorium.preprocess.classes import Classes, name_of
from sensorium.preprocess.columns import dense
from sensorium.preprocess.step import Step

Names = tuple[str, ...]


class TagsStep(Step):
    """Any number of names. One place a class; names not among the classes are left out."""

    kind = "category"
    sparse = True
    field: Category

    def __init__(self, field: Category) -> None:
        super().__init__(field)
        self._known = Classes()

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the training rows, sorted (by value when all are numbers)."""
        return self._known.names

    @property
    def counts(self) -> tuple[int, ...]:
        """How many training rows have each class."""
        return self._known.counts

    def read(self, cell: Any) -> Names | None:
        """Read a list of names, also as JSON, or text that joins them.

        An empty list is a cell without names; empty text is a missing cell.
        """
        if missing(cell):
            return None
        if isinstance(cell, str):
            names = _listed(cell)
            parts: Iterable[Any] = cell.split(self.field.separator) if names is None else names
        elif isinstance(cell, list | tuple | set | frozenset | np.ndarray):
            parts = cell
        else:
            parts = [cell]
        return tuple(sorted({name_of(part) for part in parts if not missing(part)}))

    def fit(self, cells: Sequence[Names | None]) -> "TagsStep":
        """Learn the names."""
        some = (name for cell in cells if cell is not None for name in cell)
        self._known.fit(some, self.field.least)
        return self

    def __call__(self, cells: Sequence[Names | None]) -> Column:
        """Mark the names; the column carries them all, known or not."""
        rows = [None if cell is None else self._marks(cell) for cell in cells]
        column = dense(rows, (len(self._known),), np.float32)
        return replace(column, texts=tuple(() if cell is None else cell for cell in cells))

    def _marks(self, names: Names) -> Float32[np.ndarray, " classes"]:
        marks = np.zeros(len(self._known), np.float32)
        for name in names:
            if name in self._known.numbers:
                marks[self._known.numbers[name]] = 1.0
        return marks

    @property
    def layout(self) -> Layout:
        """One place a class."""
        return Layout("category", channels=len(self._known), vocabulary=len(self._known))

    def state(self) -> Mapping[str, Any]:
        """Give the classes and their counts."""
        return self._known.state()

    def restore(self, state: Mapping[str, Any]) -> "TagsStep":
        """Take them back."""
        self._known.restore(state)
        return self


def _listed(cell: str) -> list[Any] | None:
    """Read a list of names written as JSON; None where it is none."""
    if not cell.lstrip().startswith("["):
        return None
    try:
        found = json.loads(cell)
    except json.JSONDecodeError:
        return None
    plain = isinstance(found, list) and all(isinstance(name, str | int | float) for name in found)
    return found if plain else None
