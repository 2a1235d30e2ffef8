"""Names: clean str, Int[batch 1]; or several names a cell: clean tuple, Float[batch classes]."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sensorium.core.batch import Column, Layout
from sensorium.core.schema import Category
from sensorium.preprocess.cells import missing, plain, wrong_type
from sensorium.preprocess.columns import dense
from sensorium.preprocess.step import Step


class CategoryStep(Step):
    """One of a few names. Ids in the order of ``classes``; a name not among them gets the next id.

    Attributes:
        classes: the names of the training rows, sorted (by value when all are numbers).
        counts: how many training rows have each of them.
    """

    kind = "category"
    field: Category

    def __init__(self, field: Category) -> None:
        super().__init__(field)
        self.classes: tuple[str, ...] = ()
        self.counts: tuple[int, ...] = ()
        self._ids: dict[str, int] = {}

    def read(self, cell: Any) -> str | None:
        """Read a name; whole numbers and truth values become their text."""
        return None if missing(cell) else _name(cell)

    def fit(self, cells: Sequence[str | None]) -> "CategoryStep":
        """Learn the names."""
        counts = Counter(cell for cell in cells if cell is not None)
        classes = _common(counts, self.field.least)
        return self.restore({"classes": classes, "counts": [counts[name] for name in classes]})

    def __call__(self, cells: Sequence[str | None]) -> Column:
        """Number the names."""
        unknown = len(self.classes)
        rows = [None if c is None else np.array([self._ids.get(c, unknown)]) for c in cells]
        return dense(rows, (1,), np.int64)

    @property
    def layout(self) -> Layout:
        """One id a class, and one for the unknown."""
        return Layout("category", vocabulary=len(self.classes) + 1)

    def state(self) -> Mapping[str, Any]:
        """Give the classes and their counts."""
        return {"classes": list(self.classes), "counts": list(self.counts)}

    def restore(self, state: Mapping[str, Any]) -> "CategoryStep":
        """Take them back."""
        self.classes = tuple(state["classes"])
        self.counts = tuple(state["counts"])
        self._ids = {name: number for number, name in enumerate(self.classes)}
        return self


class TagsStep(Step):
    """Any number of names. One place of 0 or 1 a class; names not among the classes are left out.

    Attributes:
        classes: the names of the training rows, sorted (by value when all are numbers).
        counts: how many training rows have each of them.
    """

    kind = "category"
    field: Category

    def __init__(self, field: Category) -> None:
        super().__init__(field)
        self.classes: tuple[str, ...] = ()
        self.counts: tuple[int, ...] = ()
        self._ids: dict[str, int] = {}

    def read(self, cell: Any) -> tuple[str, ...] | None:
        """Read a list of names, or text that joins them; an empty list is present and empty."""
        if missing(cell):
            return None
        if isinstance(cell, str):
            parts: Iterable[Any] = cell.split(self.field.separator)
        elif isinstance(cell, list | tuple | set | frozenset | np.ndarray):
            parts = cell
        else:
            parts = [cell]
        return tuple(sorted({_name(part) for part in parts if not missing(part)}))

    def fit(self, cells: Sequence[tuple[str, ...] | None]) -> "TagsStep":
        """Learn the names."""
        counts = Counter(name for cell in cells if cell is not None for name in cell)
        classes = _common(counts, self.field.least)
        return self.restore({"classes": classes, "counts": [counts[name] for name in classes]})

    def __call__(self, cells: Sequence[tuple[str, ...] | None]) -> Column:
        """Mark the names."""
        return dense(
            [None if c is None else self._marks(c) for c in cells], (len(self.classes),), np.float32
        )

    def _marks(self, names: tuple[str, ...]) -> np.ndarray[Any, np.dtype[np.float32]]:
        marks = np.zeros(len(self.classes), np.float32)
        marks[[self._ids[name] for name in names if name in self._ids]] = 1.0
        return marks

    @property
    def layout(self) -> Layout:
        """One place a class."""
        return Layout("category", channels=len(self.classes), vocabulary=len(self.classes))

    def state(self) -> Mapping[str, Any]:
        """Give the classes and their counts."""
        return {"classes": list(self.classes), "counts": list(self.counts)}

    def restore(self, state: Mapping[str, Any]) -> "TagsStep":
        """Take them back."""
        self.classes = tuple(state["classes"])
        self.counts = tuple(state["counts"])
        self._ids = {name: number for number, name in enumerate(self.classes)}
        return self


def _name(cell: Any) -> str:
    cell = plain(cell)
    if isinstance(cell, float):
        if not math.isfinite(cell):
            raise wrong_type(cell, "a name")
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, bool | int | str):
        return str(cell).strip()
    raise wrong_type(cell, "a name")


def _common(counts: Counter[str], least: int) -> list[str]:
    names = sorted(name for name, count in counts.items() if count >= least)
    return sorted(names, key=float) if all(map(_is_number, names)) else names


def _is_number(name: str) -> bool:
    try:
        return math.isfinite(float(name))
    except ValueError:
        return False
