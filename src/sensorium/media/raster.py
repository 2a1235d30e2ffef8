"""Every picture but JPEG, by Pillow: opened without trust, laid flat to RGB or grey.

Formats are a short list: those that call other programs (EPS) or have no signature (TGA) are not
opened, whatever the bytes say.
"""

import io
import re
import struct
import zlib

import numpy as np
from PIL import Image, UnidentifiedImageError

from sensorium.core.errors import CellError
from sensorium.media.intact import check_raster
from sensorium.media.limits import check_pixels, damaged, too_large

FORMATS = ("PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG", "AVIF", "JPEG2000", "ICO", "PPM", "QOI")
"""In the order in which they are tried."""
ORIENTATION = 0x0112
STRIP = 2**22
"""So many pixels are laid flat at a time, px."""
DEEP = {"I;16", "I;16L", "I;16B", "I;16N", "I", "F"}
BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
FAILURES = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    AssertionError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    ZeroDivisionError,
    MemoryError,
    struct.error,
    zlib.error,
    UserWarning,
    *BOMBS,
)
"""What Pillow's readers are known to raise on hostile bytes (or warn of, where warnings raise)."""


def open_raster(data: bytes, max_pixels: int) -> Image.Image:
    """Open and decode a picture file.

    Errors:
        CellError: not a picture, damaged, or more pixels than allowed (told from the header).
    """
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise CellError(
            f"not a picture that can be read (it begins with {data[:8]!r})",
            f"convert it to one of {', '.join(FORMATS)}",
        ) from error
    except BOMBS as error:
        pixels = int(re.findall(r"\d+", str(error))[0])
        raise too_large(f"{pixels:,} px", max_pixels) from error
    except FAILURES as error:
        raise damaged("picture", error) from error
    check_pixels(*image.size, max_pixels)
    check_raster(data, image.format or "")
    return loaded(image, max_pixels)


def loaded(image: Image.Image, max_pixels: int) -> Image.Image:
    """Decode an opened picture.

    Errors:
        CellError: damaged, or more pixels than allowed.
    """
    check_pixels(*image.size, max_pixels)
    try:
        image.load()
    except FAILURES as error:
        raise damaged(f"{image.format or 'Pillow'} picture", error) from error
    return image


def turn_of(image: Image.Image) -> int:
    """Tell the EXIF orientation, 1 to 8; 1 (upright) where there is none or it is unreadable."""
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except FAILURES:
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def flattened(image: Image.Image, mode: str, size: int) -> Image.Image:
    """Lay a decoded picture flat: 8 bits, no palette, transparency on white.

    A picture far larger than needed is shrunk by a whole factor; a huge one strip by strip, so
    that no second copy of it is ever made.

    Args:
        image: any mode that Pillow knows.
        mode: ``"RGB"`` or ``"L"``.
        size: the side of the square that it will be fitted into, px.

    Errors:
        CellError: pixel values that have no meaning as light.
    """
    width, height = image.size
    factor = min(width, height) // (2 * size)
    if factor < 2:
        return _flat(image, mode)
    if width * height <= STRIP:
        return _flat(image, mode).reduce(factor)
    small = Image.new(mode, (-(-width // factor), -(-height // factor)))
    rows = max(1, STRIP // width // factor) * factor
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        small.paste(_flat(strip, mode).reduce(factor), (0, top // factor))
    return small


def _flat(image: Image.Image, mode: str) -> Image.Image:
    if image.mode in DEEP:
        image = _eight_bits(image)
    try:
        if image.has_transparency_data:
            clear = image.convert("RGBA")
            image = Image.new("RGBA", clear.size, "white")
            image.alpha_composite(clear)
        return image if image.mode == mode else image.convert(mode)
    except FAILURES as error:
        raise damaged(f"picture of mode {image.mode}", error) from error


def _eight_bits(image: Image.Image) -> Image.Image:
    pixels = np.asarray(image, dtype=np.float64)
    if not np.isfinite(pixels).all():
        raise CellError("a picture with pixels that are not finite", "replace the file")
    low, high = float(pixels.min(initial=0)), float(pixels.max(initial=0))
    whole = 1.0 if image.mode == "F" and high <= 1 else 255.0 if image.mode == "F" else 65_535.0
    if low < 0 or high > whole:
        raise CellError(
            f"a picture with pixels from {low:g} to {high:g}, expected 0 to {whole:g}",
            "scale it to 8 or 16 bits",
        )
    return Image.fromarray(np.rint(pixels * (255 / whole)).astype(np.uint8))
