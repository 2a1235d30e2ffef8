"""Numbers: clean float; Float[batch 1], scaled."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from jaxtyping import Float

from sensorium.core.batch import Column, Layout
from sensorium.core.errors import CellError
from sensorium.core.schema import Number
from sensorium.preprocess.cells import missing, plain, wrong_type
from sensorium.preprocess.columns import dense
from sensorium.preprocess.scaling import SCALINGS, Floats, Scaling
from sensorium.preprocess.step import Step

BLANKS = frozenset({"nan", "na", "n/a", "null", "none"})
EDGES = 33
MOST = float(np.finfo(np.float32).max)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?([eE][+-]?\d+)?")


class NumberStep(Step):
    """Reads numbers, scales them as the training rows say, and scales back for targets.

    Attributes:
        scaling: the fitted scaling.
        edges: quantiles of the scaled training values, rising.
    """

    kind = "number"
    field: Number

    def __init__(self, field: Number) -> None:
        super().__init__(field)
        self.scaling: Scaling = SCALINGS[field.scaling]()
        self.edges: tuple[float, ...] = ()

    def read(self, cell: Any) -> float | None:
        """Read a number, text such as ``" 3 "`` or ``"1,200.5"``, or a span of time, in seconds."""
        if missing(cell):
            return None
        cell = plain(cell)
        if isinstance(cell, str):
            if cell.strip().lower() in BLANKS:
                return None
            value = _parsed(cell.strip())
        elif isinstance(cell, int | float | Decimal):
            value = _bounded(cell)
        elif isinstance(cell, timedelta):
            value = cell.total_seconds()
        else:
            raise wrong_type(cell, "a number")
        if not abs(value) <= MOST:
            raise CellError(f"the number {str(cell)[:40]}", "give a finite number below 3e38")
        return value

    def fit(self, cells: Sequence[float | None]) -> "NumberStep":
        """Learn the scaling and the quantiles."""
        values = np.array([cell for cell in cells if cell is not None], np.float64)
        self.scaling.fit(values)
        scaled = self.scaling(values)
        if len(scaled):
            shares = np.linspace(0, 1, EDGES)
            self.edges = tuple(np.unique(np.quantile(scaled, shares)).tolist())
        return self

    def __call__(self, cells: Sequence[float | None]) -> Column:
        """Scale the numbers."""
        known = np.array([0.0 if cell is None else cell for cell in cells], np.float64)
        scaled = self.scaling(known)[:, None]
        rows = [None if c is None else s for c, s in zip(cells, scaled, strict=True)]
        return dense(rows, (1,), np.float32)

    def inverse(self, values: Float[np.ndarray, " *shape"]) -> Floats:
        """Scale back into the column's own units."""
        return self.scaling.inverse(np.asarray(values, np.float64))

    @property
    def layout(self) -> Layout:
        """The quantiles as edges."""
        return Layout("number", edges=self.edges)

    def state(self) -> Mapping[str, Any]:
        """Give the scaling and the edges."""
        return {"scaling": dict(self.scaling.state()), "edges": list(self.edges)}

    def restore(self, state: Mapping[str, Any]) -> "NumberStep":
        """Take them back."""
        self.scaling.restore(state["scaling"])
        self.edges = tuple(state["edges"])
        return self


def _bounded(cell: int | float | Decimal) -> float:
    return float(cell) if -MOST <= cell <= MOST else math.inf


def _parsed(text: str) -> float:
    bare = text.replace(",", "") if _THOUSANDS.fullmatch(text) else text
    try:
        return float(bare.replace("_", "?"))  # Python takes 1_000; tables do not mean that
    except ValueError as error:
        raise CellError(
            f"{text[:60]!r} where a number was expected",
            "write it like 1200.5, without units, or leave the cell empty",
        ) from error
