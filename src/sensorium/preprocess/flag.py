"""Yes or no: clean bool; Int[batch 1] of 0 and 1."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sensorium.core.batch import Column, Layout
from sensorium.core.schema import Field
from sensorium.preprocess.cells import missing, plain, wrong_type
from sensorium.preprocess.columns import dense
from sensorium.preprocess.step import Step

YES = frozenset({"true", "t", "yes", "y", "on", "1", "1.0", "是"})
NO = frozenset({"false", "f", "no", "n", "off", "0", "0.0", "否"})


class FlagStep(Step):
    """Reads yes and no in their usual spellings.

    Attributes:
        counts: how many training rows say no, and how many say yes.
    """

    kind = "flag"

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self.counts: tuple[int, ...] = (0, 0)

    def read(self, cell: Any) -> bool | None:
        """Read a bool, 0 or 1, or a word such as ``"Yes"``."""
        if missing(cell):
            return None
        cell = plain(cell)
        if isinstance(cell, bool | int | float | str):
            word = str(cell).strip().lower()
            if word in YES:
                return True
            if word in NO:
                return False
        raise wrong_type(cell, "yes or no (true/false, yes/no, 1/0)")

    def fit(self, cells: Sequence[bool | None]) -> "FlagStep":
        """Count yes and no."""
        self.counts = (sum(c is False for c in cells), sum(c is True for c in cells))
        return self

    def __call__(self, cells: Sequence[bool | None]) -> Column:
        """Number them 0 and 1."""
        rows = [None if cell is None else np.array([cell], np.int64) for cell in cells]
        return dense(rows, (1,), np.int64)

    @property
    def layout(self) -> Layout:
        """Two values."""
        return Layout("flag", vocabulary=2)

    def state(self) -> Mapping[str, Any]:
        """Give the counts."""
        return {"counts": list(self.counts)}

    def restore(self, state: Mapping[str, Any]) -> "FlagStep":
        """Take them back."""
        self.counts = tuple(state["counts"])
        return self
