"""Vectors of a fixed size: clean Float32[size]; Float[batch size], standardised a place."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32

from sensorium.core.batch import Column, Layout
from sensorium.core.counted import counted
from sensorium.core.errors import CellError
from sensorium.core.schema import Field
from sensorium.media.pixels import as_array
from sensorium.preprocess.cells import missing
from sensorium.preprocess.columns import dense
from sensorium.preprocess.numbers import ChannelScaling, commonest, finite
from sensorium.preprocess.step import Step

Numbers = Float32[np.ndarray, " _size"]


class VectorStep(Step):
    """Reads vectors and standardises each place.

    Attributes:
        size: the size that the training rows have; other cells are damaged.
        scaling: mean and deviation a place.
    """

    kind = "vector"
    fit_rows = 4_096

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self.size = 1
        self.scaling = ChannelScaling()

    def read(self, cell: Any) -> Numbers | None:
        """Read a list or array of one dimension."""
        if missing(cell):
            return None
        array = as_array(cell, "a vector")
        if array.ndim != 1:
            raise CellError(f"a vector of shape {array.shape}", "give one row of numbers")
        return finite(array, "a vector")

    def fit(self, cells: Sequence[Numbers | None]) -> "VectorStep":
        """Learn the size, means and deviations."""
        vectors = [cell for cell in cells if cell is not None]
        self.size = commonest([len(cell) for cell in vectors]) or 1
        self.scaling.fit([cell[None] for cell in vectors if len(cell) == self.size])
        return self

    def check(self, cell: Numbers) -> None:
        """Refuse a vector of another size."""
        if len(cell) != self.size:
            raise CellError(
                f"a vector of {counted(len(cell), 'number')}, the training rows have {self.size}",
                "give the same size in every row",
            )

    def __call__(self, cells: Sequence[Numbers | None]) -> Column:
        """Standardise and stack."""
        rows = [None if cell is None else self.scaling(cell) for cell in cells]
        return dense(rows, (self.size,), np.float32)

    @property
    def layout(self) -> Layout:
        """The size as channels."""
        return Layout("vector", channels=self.size)

    def state(self) -> Mapping[str, Any]:
        """Give size and scaling."""
        return {"size": self.size, **self.scaling.state()}

    def restore(self, state: Mapping[str, Any]) -> "VectorStep":
        """Take them back."""
        self.size = state["size"]
        self.scaling.restore(state)
        return self
