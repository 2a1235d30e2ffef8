"""Pictures: UInt8[channels size size], clean and in the batch alike; the model scales them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8

from sensorium.core.batch import Column, Layout
from sensorium.core.schema import Image
from sensorium.media import read_picture
from sensorium.preprocess.cells import missing
from sensorium.preprocess.columns import dense
from sensorium.preprocess.step import Step

Picture = UInt8[np.ndarray, "channels size size"]


class ImageStep(Step):
    """Reads pictures and fits them into a square; learns nothing."""

    kind = "image"
    field: Image

    def read(self, cell: Any) -> Picture | None:
        """Read a path, bytes, data: URI, array or Pillow image."""
        if missing(cell):
            return None
        field = self.field
        return read_picture(cell, field.size, field.channels, field.fit, field.max_pixels)

    def __call__(self, cells: Sequence[Picture | None]) -> Column:
        """Stack the pictures."""
        shape = (self.field.channels, self.field.size, self.field.size)
        return dense(cells, shape, np.uint8)

    @property
    def layout(self) -> Layout:
        """Channels, and the side as length."""
        return Layout("image", channels=self.field.channels, length=self.field.size)

    @property
    def stored(self) -> bool:
        """Decoding is costly."""
        return True
