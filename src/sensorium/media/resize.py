"""Fitting a picture into a square; knows no files.

Bilinear with the support scaled to the reduction, so that every source pixel counts; on uint8
arrays torch does that at twice the speed of Pillow, with the same weights.
"""

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import UInt8

Pixels = UInt8[np.ndarray, "height width channels"]
Square = UInt8[np.ndarray, "channels size size"]
Fit = Literal["crop", "pad", "stretch"]


def squared(pixels: Pixels, size: int, fit: Fit) -> Square:
    """Fit a picture into a square of ``size`` px.

    ``"crop"`` scales the short side and cuts the middle out, ``"pad"`` scales the long side and
    fills up with black, ``"stretch"`` ignores the shape.
    """
    height, width = pixels.shape[:2]
    if fit == "pad":
        return _padded(pixels, size)
    if fit == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        pixels = pixels[top : top + side, left : left + side]
    return scaled(pixels, size, size)


def scaled(pixels: Pixels, height: int, width: int) -> UInt8[np.ndarray, "channels tall wide"]:
    """Scale to the given sides and put the channels first."""
    if pixels.shape[:2] == (height, width):
        return np.ascontiguousarray(pixels.transpose(2, 0, 1))
    first = torch.from_numpy(pixels[None].transpose(0, 3, 1, 2))
    found = F.interpolate(first, (height, width), mode="bilinear", antialias=True)
    return np.ascontiguousarray(found.numpy()[0])


def _padded(pixels: Pixels, size: int) -> Square:
    height, width, channels = pixels.shape
    scale = size / max(height, width)
    inner = scaled(pixels, max(1, round(height * scale)), max(1, round(width * scale)))
    square = np.zeros((channels, size, size), np.uint8)
    top, left = (size - inner.shape[1]) // 2, (size - inner.shape[2]) // 2
    square[:, top : top + inner.shape[1], left : left + inner.shape[2]] = inner
    return square
