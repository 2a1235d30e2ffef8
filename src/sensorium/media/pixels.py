"""Arrays given as pictures -> UInt8[height width] or UInt8[height width 3]; knows no files."""

from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from sensorium.core.errors import CellError
from sensorium.media.limits import check_pixels

SHAPES = "give height x width, height x width x 1, 3 or 4, or the channels first"


def as_pixels(cell: Any, max_pixels: int) -> UInt8[np.ndarray, " height width *channels"]:
    """Read a numpy array, torch tensor or nested list as a picture.

    Args:
        cell: HW, HWC or CHW with 1, 3 or 4 channels; uint8, bool, or floats from 0 to 1.
        max_pixels: more are refused.

    Errors:
        CellError: not an array, or a shape, type or values that no picture has.
    """
    array = as_array(cell, "a picture")
    array = _channels_last(array)
    check_pixels(array.shape[1], array.shape[0], max_pixels)
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    return _whole(array)


def as_array(cell: Any, what: str) -> NDArray[Any]:
    """Turn an array-like cell into a numpy array of numbers.

    Errors:
        CellError: it is not an array of numbers.
    """
    if hasattr(cell, "detach"):
        cell = cell.detach().cpu()
    if not isinstance(cell, np.ndarray | list | tuple) and not hasattr(cell, "__array__"):
        raise CellError(
            f"a {type(cell).__name__} where {what} was expected",
            "give a path, bytes or an array",
        )
    try:
        array = np.asarray(cell)
    except (ValueError, TypeError, RuntimeError) as error:
        raise CellError(
            f"no array of numbers ({error})", "make all rows the same length"
        ) from error
    if array.dtype.kind not in "biuf":
        raise CellError(f"an array of {array.dtype}", "give an array of numbers")
    return array


def _channels_last(array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim == 3 and array.shape[2] not in (1, 3, 4) and array.shape[0] in (1, 3, 4):
        array = array.transpose(1, 2, 0)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        raise CellError(f"an array of shape {array.shape} where a picture was expected", SHAPES)
    return array


def _whole(array: NDArray[Any]) -> UInt8[np.ndarray, " height width *channels"]:
    if array.size and not np.isfinite(array).all():
        raise CellError("a picture array with NaN or inf in it", "correct the array")
    low, high = float(array.min()), float(array.max())
    most = 1.0 if array.dtype.kind == "f" else 255.0
    if low < 0 or high > most:
        raise CellError(
            f"a {array.dtype} picture array with values from {low:g} to {high:g}",
            "give uint8 from 0 to 255, or floats from 0 to 1",
        )
    return np.rint(array * (255 / most)).astype(np.uint8)
