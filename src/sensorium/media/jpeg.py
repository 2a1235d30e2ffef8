"""JPEG by simplejpeg (libjpeg-turbo): strict about damage, decoding straight to a smaller scale."""

import io
from dataclasses import dataclass

import numpy as np
import simplejpeg
from jaxtyping import UInt8
from PIL import Image

from sensorium.media.intact import check_progressive
from sensorium.media.limits import check_pixels, damaged
from sensorium.media.raster import FAILURES, turn_of

HEAD = 2**16
"""The EXIF block stands within so many bytes of the start."""


@dataclass(frozen=True, eq=False)
class Jpeg:
    """A decoded JPEG and the EXIF orientation that is still to be applied."""

    pixels: UInt8[np.ndarray, "height width channels"]
    orientation: int


def is_jpeg(data: bytes) -> bool:
    """Tell whether the bytes begin as a JPEG does."""
    return data.startswith(b"\xff\xd8")


def read_jpeg(data: bytes, size: int, mode: str, max_pixels: int) -> Jpeg | None:
    """Decode a JPEG at the smallest scale that still covers the square (whole, or half and less).

    Args:
        data: the file's bytes.
        size: side of the square that it will be fitted into, px.
        mode: ``"RGB"`` or ``"L"``.
        max_pixels: what declares more is refused before it is decoded.

    Returns:
        None for the colour models of print (CMYK), which are left to Pillow.

    Errors:
        CellError: damaged or too large.
    """
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError as error:
        raise damaged("JPEG picture", error) from error
    check_pixels(width, height, max_pixels)
    check_progressive(data, width * height)
    if colours in ("CMYK", "YCCK"):
        return None
    try:
        pixels = simplejpeg.decode_jpeg(
            data,
            colorspace="GRAY" if mode == "L" else "RGB",
            min_height=size,
            min_width=size,
            min_factor=2,
            strict=True,
        )
    except ValueError as error:
        raise damaged("JPEG picture", error) from error
    return Jpeg(pixels, _orientation(data))


def _orientation(data: bytes) -> int:
    if data.find(b"Exif\0\0", 0, HEAD) < 0:
        return 1
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            return turn_of(image)
    except FAILURES:
        return 1  # the pixels are sound; only the note about them is not
