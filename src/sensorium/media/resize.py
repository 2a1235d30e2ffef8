"""Fitting a picture into a square; knows no files.

Bilinear with Pillow's support scaled to the reduction, which averages over all source pixels;
``reducing_gap`` first shrinks by whole factors, which is what makes large pictures fast.
"""

from typing import Literal

from PIL import Image

Fit = Literal["crop", "pad", "stretch"]
GAP = 2.0


def squared(image: Image.Image, size: int, fit: Fit) -> Image.Image:
    """Fit a picture (mode RGB or L) into a square of ``size`` px.

    ``"crop"`` scales the short side and cuts the middle out, ``"pad"`` scales the long side and
    fills up with black, ``"stretch"`` ignores the shape.
    """
    if fit == "pad":
        return _padded(image, size)
    width, height = image.size
    left = top = 0.0
    if fit == "crop":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
    if image.size == (size, size):
        return image
    box = (left, top, width - left, height - top)
    return image.resize((size, size), Image.Resampling.BILINEAR, box, GAP)


def _padded(image: Image.Image, size: int) -> Image.Image:
    width, height = image.size
    scale = size / max(width, height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    if image.size != inner:
        image = image.resize(inner, Image.Resampling.BILINEAR, reducing_gap=GAP)
    canvas = Image.new(image.mode, (size, size))
    canvas.paste(image, ((size - inner[0]) // 2, (size - inner[1]) // 2))
    return canvas
