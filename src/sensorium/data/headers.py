"""What the headers of media cells declare; nothing is decoded.

Legend: sizes in px, rate in Hz.
"""

import io
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image as Pillow

from sensorium.core.errors import CellError
from sensorium.core.schema import Audio, Image
from sensorium.media import locate
from sensorium.media.limits import check_pixels, damaged, too_long
from sensorium.media.pixels import as_array
from sensorium.media.raster import FAILURES, FORMATS

_NPY = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture's header."""

    width: int
    height: int
    grey: bool


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound's header."""

    rate: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal's shape."""

    steps: int
    channels: int


def picture(cell: Any, field: Image | None = None) -> Picture:
    """Read a picture's header.

    Errors:
        CellError: no such file, not a picture, or more pixels than the field allows.
    """
    source = locate(cell)
    if source is None and not isinstance(cell, Pillow.Image):
        shape = as_array(cell, "a picture").shape
        if len(shape) not in (2, 3):
            raise CellError(f"an array of shape {shape}", "give height x width x channels")
        return Picture(shape[1], shape[0], len(shape) == 2 or 1 in shape)
    try:
        opened = (
            nullcontext(cell) if source is None else Pillow.open(_stream(source), formats=FORMATS)
        )
        with opened as found:
            width, height, mode = found.width, found.height, found.mode
    except FAILURES as error:
        raise damaged("picture, or not a picture", error) from error
    check_pixels(width, height, (field or Image()).max_pixels)
    return Picture(width, height, mode in ("1", "L", "I;16"))


def sound(cell: Any, field: Audio | None = None) -> Sound:
    """Read a sound's header.

    Errors:
        CellError: no such file, not a sound, of no samples, or longer than the field allows.
    """
    if isinstance(cell, dict) and cell.get("array") is not None:
        frames, rate = len(cell["array"]), int(cell["sampling_rate"])
    else:
        source = locate(cell)
        if source is None:
            array = as_array(cell, "a sound")
            frames, rate = max(array.shape, default=0), (field or Audio()).rate
        else:
            try:
                header = soundfile.info(_stream(source))
            except (OSError, RuntimeError, ValueError, TypeError) as error:
                why = getattr(error, "error_string", error)  # without the file's name
                raise damaged("sound, or not a sound", why) from error
            frames, rate = header.frames, header.samplerate
    if frames < 1 or rate < 1:
        raise CellError("a sound of zero samples", "replace it, or leave the cell empty")
    most = (field or Audio()).max_seconds
    if frames / rate > most:
        raise too_long(frames / rate, most)
    return Sound(rate, frames / rate)


def signal(cell: Any) -> Signal:
    """Read a signal's shape.

    Errors:
        CellError: no such file, no numbers, or a shape that no signal has.
    """
    source = locate(cell) if isinstance(cell, str | bytes | Path | dict) else None
    shape = as_array(cell, "a signal").shape if source is None else _npy_shape(source)
    if len(shape) not in (1, 2) or 0 in shape:
        raise CellError(f"a signal of shape {shape}", "give time, or time x channels")
    return Signal(shape[0], 1 if len(shape) == 1 else shape[1])


def _npy_shape(source: Path | bytes) -> tuple[int, ...]:
    try:
        with source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as stream:
            shape, _, dtype = _NPY[np.lib.format.read_magic(stream)](stream)
    except (OSError, ValueError, KeyError, EOFError, SyntaxError, TypeError) as error:
        raise damaged(".npy file", error) from error
    if dtype.kind not in "biuf":
        raise CellError(f"a .npy file of {dtype}", "give an array of numbers")
    return tuple(shape)


def _stream(source: Path | bytes) -> Any:
    return io.BytesIO(source) if isinstance(source, bytes) else str(source)
