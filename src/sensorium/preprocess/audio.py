"""Sounds: clean Int16[samples] of one channel at the field's rate; Float[batch time] in -1..1."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int16

from sensorium.core.batch import Column, Layout
from sensorium.core.errors import CellError
from sensorium.core.schema import Audio
from sensorium.media import read_sound
from sensorium.preprocess.cells import missing
from sensorium.preprocess.columns import ragged
from sensorium.preprocess.step import Step

Sound = Int16[np.ndarray, " _samples"]
FULL = 32_767
SILENT = 3e-4
"""A sound that never exceeds this share of full scale, -70 dB, is silent."""


class AudioStep(Step):
    """Reads sounds, resamples them and keeps their middle; learns nothing."""

    kind = "audio"
    ragged = True
    field: Audio

    def read(self, cell: Any) -> Sound | None:
        """Read a path, bytes, data: URI, array of samples, or dict of array and sampling_rate."""
        if missing(cell):
            return None
        field = self.field
        most = min(field.seconds, field.max_seconds) if field.whole else field.max_seconds
        samples = read_sound(cell, field.rate, field.seconds, most)[: self._longest]
        if field.whole and np.abs(samples).max() < SILENT:
            raise CellError("a silent recording, in which nothing is said", "leave the cell empty")
        return np.asarray(np.rint(samples * FULL), np.int16)

    def __call__(self, cells: Sequence[Sound | None]) -> Column:
        """Scale to -1..1 and pad to the longest of the batch."""
        scaled = [None if cell is None else cell.astype(np.float32) / FULL for cell in cells]
        return ragged(scaled, (), np.float32)

    @property
    def _longest(self) -> int:
        return max(1, round(self.field.seconds * self.field.rate))

    @property
    def layout(self) -> Layout:
        """The rate, and the most samples as length."""
        return Layout("audio", length=self._longest, rate=float(self.field.rate))

    @property
    def stored(self) -> bool:
        """Decoding is costly."""
        return True
