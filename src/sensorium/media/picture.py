"""One picture cell -> UInt8[channels size size]. Legend: sizes in px; arrays are height first.

JPEG goes through simplejpeg, which decodes straight to a smaller scale and refuses what is damaged;
all other formats through Pillow. Turning by the EXIF tag is done last, on the small square.
"""

from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from sensorium.media.jpeg import is_jpeg, read_jpeg
from sensorium.media.pixels import as_pixels
from sensorium.media.raster import flattened, open_raster, turn_of
from sensorium.media.resize import Fit, squared
from sensorium.media.source import load, locate

TURNS: dict[int, tuple[int, bool]] = {
    1: (0, False),
    2: (0, True),
    3: (2, False),
    4: (2, True),
    5: (3, True),
    6: (3, False),
    7: (1, True),
    8: (1, False),
}
"""EXIF orientation -> (quarter turns counter-clockwise, then mirror left and right)."""


def read_picture(
    cell: Any, size: int, channels: int = 3, fit: Fit = "crop", max_pixels: int = 100_000_000
) -> UInt8[np.ndarray, "channels size size"]:
    """Read a picture whatever form it comes in, and fit it into a square.

    Args:
        cell: whatever ``locate`` takes, a numpy array or torch tensor (HWC, CHW or HW; uint8, or
            floats from 0 to 1), or a Pillow image. Of an animation the first frame is taken.
        size: side of the square, px.
        channels: 3 for colour, 1 for grey. What is transparent is laid on white.
        fit: ``"crop"``, ``"pad"`` or ``"stretch"``.
        max_pixels: what declares more is refused before it is decoded.

    Errors:
        CellError: the picture is damaged, too large, or not a picture.
    """
    image, orientation = _decoded(cell, size, channels, fit, max_pixels)
    array = np.asarray(squared(image, size, fit)).reshape(size, size, channels)
    turns, mirrored = TURNS.get(orientation, (0, False))
    array = np.rot90(array, turns)
    if mirrored:
        array = array[:, ::-1]
    return np.ascontiguousarray(array.transpose(2, 0, 1))


def _decoded(
    cell: Any, size: int, channels: int, fit: Fit, max_pixels: int
) -> tuple[Image.Image, int]:
    source = locate(cell)
    mode = "RGB" if channels == 3 else "L"
    if source is None:
        if not isinstance(cell, Image.Image):
            return flattened(Image.fromarray(as_pixels(cell, max_pixels)), mode), 1
        return flattened(cell, mode), turn_of(cell)
    data = load(source)
    if is_jpeg(data):
        found = read_jpeg(data, size, mode, fit, max_pixels)
        if found is not None:
            return Image.fromarray(found.pixels), found.orientation
    image = open_raster(data, max_pixels)
    return flattened(image, mode), turn_of(image)
