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
from sensorium.media.raster import flattened, loaded, open_raster, turn_of
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
    mode = "RGB" if channels == 3 else "L"
    pixels, orientation = _decoded(cell, size, mode, max_pixels)
    return _turned(squared(pixels, size, fit), orientation)


def _decoded(
    cell: Any, size: int, mode: str, max_pixels: int
) -> tuple[UInt8[np.ndarray, "height width channels"], int]:
    source = locate(cell)
    if source is not None:
        data = load(source)
        if is_jpeg(data):
            jpeg = read_jpeg(data, size, mode, max_pixels)
            if jpeg is not None:
                return jpeg.pixels, jpeg.orientation
        image = open_raster(data, max_pixels)
    elif isinstance(cell, Image.Image):
        image = loaded(cell, max_pixels)
    else:
        image = Image.fromarray(as_pixels(cell, max_pixels))
    flat = np.array(flattened(image, mode, size))
    return flat if flat.ndim == 3 else flat[:, :, None], turn_of(image)


def _turned(
    square: UInt8[np.ndarray, "channels size size"], orientation: int
) -> UInt8[np.ndarray, "channels size size"]:
    turns, mirrored = TURNS.get(orientation, (0, False))
    if not turns and not mirrored:
        return square
    square = np.rot90(square, turns, axes=(1, 2))
    return np.ascontiguousarray(square[:, :, ::-1] if mirrored else square)
