"""Names, one a cell: clean str; Int[batch 1]."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sensorium.core.batch import Column, Layout
from sensorium.core.schema import Category
from sensorium.preprocess.cells import missing
from sensorium.preprocess.classes import Classes, name_of
from sensorium.preprocess.columns import dense
from sensorium.preprocess.step import Step


class CategoryStep(Step):
    """One of a few names. Ids are in the order of ``classes``; an unknown name gets the next id."""

    kind = "category"
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

    def read(self, cell: Any) -> str | None:
        """Read a name; whole numbers and truth values become their text."""
        return None if missing(cell) else name_of(cell)

    def fit(self, cells: Sequence[str | None]) -> "CategoryStep":
        """Learn the names."""
        self._known.fit((cell for cell in cells if cell is not None), self.field.least)
        return self

    def __call__(self, cells: Sequence[str | None]) -> Column:
        """Number the names."""
        numbers, unknown = self._known.numbers, len(self._known)
        rows = [None if c is None else np.array([numbers.get(c, unknown)]) for c in cells]
        return dense(rows, (1,), np.int64)

    @property
    def layout(self) -> Layout:
        """One id a class, and one for the unknown."""
        return Layout("category", vocabulary=len(self._known) + 1)

    def state(self) -> Mapping[str, Any]:
        """Give the classes and their counts."""
        return self._known.state()

    def restore(self, state: Mapping[str, Any]) -> "CategoryStep":
        """Take them back."""
        self._known.restore(state)
        return self
