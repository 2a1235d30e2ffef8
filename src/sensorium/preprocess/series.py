"""Signals: clean Float32[time channels]; Float[batch time channels], standardised a channel."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from sensorium.core.batch import Column, Layout
from sensorium.core.counted import counted
from sensorium.core.errors import CellError
from sensorium.core.schema import Series
from sensorium.media import read_npy
from sensorium.media.pixels import as_array
from sensorium.media.source import load, locate
from sensorium.preprocess.cells import missing
from sensorium.preprocess.columns import ragged
from sensorium.preprocess.numbers import ChannelScaling, commonest, finite
from sensorium.preprocess.step import Step

Signal = Float32[np.ndarray, "_time _channels"]


class SeriesStep(Step):
    """Reads signals, averages long ones down, and standardises them.

    Attributes:
        channels: how many channels the training rows have; other cells are damaged.
        scaling: mean and deviation a channel.
    """

    kind = "series"
    fit_rows = 256
    ragged = True
    field: Series

    def __init__(self, field: Series) -> None:
        super().__init__(field)
        self.channels = 1
        self.scaling = ChannelScaling()

    def read(self, cell: Any) -> Signal | None:
        """Read a list [time], a list of lists [time channels], an array, or a .npy file."""
        if missing(cell):
            return None
        file = isinstance(cell, str | Path | bytes | Mapping)
        source = locate(cell) if file else None
        array = as_array(cell, "a signal") if source is None else read_npy(load(source))
        if array.ndim not in (1, 2):
            raise CellError(f"a signal of shape {array.shape}", "give time, or time x channels")
        array = finite(array, "a signal").reshape(len(array), -1)
        return _averaged(array, self.field.max_steps)

    def fit(self, cells: Sequence[Signal | None]) -> "SeriesStep":
        """Learn the number of channels, their means and deviations."""
        signals = [cell for cell in cells if cell is not None]
        self.channels = commonest([cell.shape[1] for cell in signals]) or 1
        self.scaling.fit([cell for cell in signals if cell.shape[1] == self.channels])
        return self

    def check(self, cell: Signal) -> None:
        """Refuse a signal of other channels."""
        if cell.shape[1] != self.channels:
            raise CellError(
                f"a signal of {counted(cell.shape[1], 'channel')}, the training rows have "
                f"{self.channels}",
                "give time x channels, with the same channels in every row",
            )

    def __call__(self, cells: Sequence[Signal | None]) -> Column:
        """Standardise, and pad to the longest of the batch."""
        rows = [None if cell is None else self.scaling(cell) for cell in cells]
        return ragged(rows, (self.channels,), np.float32)

    @property
    def layout(self) -> Layout:
        """The channels, and the most steps as length."""
        return Layout("series", channels=self.channels, length=self.field.max_steps)

    @property
    def stored(self) -> bool:
        """Reading is costly."""
        return True

    def state(self) -> Mapping[str, Any]:
        """Give channels and scaling."""
        return {"channels": self.channels, **self.scaling.state()}

    def restore(self, state: Mapping[str, Any]) -> "SeriesStep":
        """Take them back."""
        self.channels = state["channels"]
        self.scaling.restore(state)
        return self


def _averaged(array: Signal, most: int) -> Signal:
    if len(array) <= most:
        return array
    starts = np.arange(most) * len(array) // most
    sums = np.add.reduceat(array.astype(np.float64), starts, axis=0)
    return (sums / np.diff(starts, append=len(array))[:, None]).astype(np.float32)
