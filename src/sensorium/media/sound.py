"""One sound cell -> Float[samples] of one channel at one rate.

Legend: rate in Hz, frames = samples a channel.

The whole file is decoded, block by block, so that damage anywhere in it is found; only the middle
that is wanted is kept, so that memory does not grow with the file.
"""

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from jaxtyping import Float
from numpy.typing import NDArray

from sensorium.core.errors import CellError
from sensorium.media.limits import damaged, too_long
from sensorium.media.pixels import as_array
from sensorium.media.source import locate
from sensorium.media.whole import check_sound

Samples = Float[np.ndarray, " _samples"]

FORMATS = frozenset({"AIFF", "AU", "FLAC", "MP3", "OGG", "WAV", "WAVEX"})
"""Those whose length can be trusted, or checked by ``whole``."""

BLOCK = 2**18
MOST_CHANNELS = 64
MOST_SAMPLES = 2**30
"""An hour of six channels at 48,000 Hz; decoding it takes seconds."""
LOUDEST = 8.0
"""Samples beyond -1..1 are clipped (decoders overshoot a little); beyond this they are damaged."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much of a sound is wanted, and how much is allowed.

    Attributes:
        rate: samples a second to deliver, Hz.
        seconds: a longer sound is cut to its middle.
        max_seconds: a sound that declares more is refused before it is decoded.
    """

    rate: int
    seconds: float
    max_seconds: float


def read_sound(
    cell: Any, rate: int, seconds: float = 3_600.0, max_seconds: float = 3_600.0
) -> Samples:
    """Read a sound whatever form it comes in, mixed to one channel.

    Args:
        cell: whatever ``locate`` takes; an array of samples (at ``rate`` already; integers, or
            floats from -1 to 1; one channel or a few); or a dict of ``array`` and
            ``sampling_rate``.
        rate: samples a second to deliver, Hz.
        seconds: a longer sound is cut to its middle.
        max_seconds: a sound that declares more is refused before it is decoded.

    Returns:
        Float32 samples in -1..1, at least one.

    Errors:
        CellError: damaged, too long, of zero samples, or not a sound.
    """
    wanted = Wanted(rate, seconds, max_seconds)
    if isinstance(cell, Mapping) and cell.get("array") is not None:
        samples, found = _from_array(cell["array"], cell.get("sampling_rate"), wanted)
    else:
        source = locate(cell)
        if source is None:
            samples, found = _from_array(cell, rate, wanted)
        else:
            samples, found = _from_file(source, wanted)
    if found != rate:
        samples = soxr.resample(samples, found, rate, quality="HQ")
        if not len(samples):
            raise CellError("a sound too short to be resampled", "leave the cell empty")
    return np.asarray(np.clip(samples, -1.0, 1.0), np.float32)


def _from_array(cell: Any, found: Any, wanted: Wanted) -> tuple[Samples, int]:
    if not isinstance(found, int | float | np.number) or not 1 <= found <= 10_000_000:
        raise CellError(f"a sampling_rate of {found!r}", "give the samples a second, such as 16000")
    array = as_array(cell, "a sound")
    _check_length(array.size, math.inf, wanted)
    if array.ndim == 2:
        channels = 0 if array.shape[0] < array.shape[1] else 1
        if array.shape[channels] > MOST_CHANNELS:
            raise CellError(f"a sound array of shape {array.shape}", "give samples x channels")
        array = _levels(array).mean(axis=channels)
    if array.ndim != 1:
        raise CellError(f"a sound array of shape {array.shape}", "give one row of samples")
    _check_length(len(array), float(found), wanted)
    samples = _levels(array)
    check_samples(samples)
    keep = max(1, round(wanted.seconds * float(found)))
    start = max(0, (len(samples) - keep) // 2)
    return samples[start : start + keep], round(float(found))


def _levels(array: NDArray[Any]) -> Float[np.ndarray, " *shape"]:
    if array.dtype.kind == "u":
        half = 2.0 ** (8 * array.dtype.itemsize - 1)
        return np.asarray((array - half) / half, np.float32)
    if array.dtype.kind == "i":
        return np.asarray(array / 2.0 ** (8 * array.dtype.itemsize - 1), np.float32)
    with np.errstate(over="ignore"):  # what overflows is inf, and refused
        return array.astype(np.float32)


def _from_file(source: Path | bytes, wanted: Wanted) -> tuple[Samples, int]:
    try:
        file = soundfile.SoundFile(opened(source))
    except soundfile.LibsndfileError as error:
        raise damaged("sound, or not a sound at all", error.error_string) from error
    except (ValueError, TypeError, OSError) as error:  # what soundfile makes of odd formats
        raise damaged("sound, or not a sound at all", error) from error
    with file:
        _check_header(file, wanted)
        check_sound(source, file.format)
        try:
            return _decoded(file, wanted), int(file.samplerate)
        except soundfile.LibsndfileError as error:
            raise damaged("sound", error.error_string) from error


def opened(source: Path | bytes) -> "Path | _Memory":
    """Give what libsndfile can open."""
    return source if isinstance(source, Path) else _Memory(source)


class _Memory(io.BytesIO):
    """Bytes as a file in which libsndfile may seek as it likes, even to before the start."""

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return super().seek(max(0, offset) if whence == io.SEEK_SET else offset, whence)


def _check_header(file: soundfile.SoundFile, wanted: Wanted) -> None:
    if file.format not in FORMATS:
        raise CellError(
            f"a sound of the format {file.format}", "convert it to WAV, FLAC, OGG or MP3"
        )
    if not 1 <= file.channels <= MOST_CHANNELS or not 1 <= file.samplerate <= 10_000_000:
        raise CellError(
            f"a sound of {file.channels} channels at {file.samplerate} Hz", "replace the file"
        )
    _check_length(file.frames, file.samplerate, wanted)
    if file.frames * file.channels > MOST_SAMPLES:
        raise CellError(
            f"a sound of {file.frames * file.channels:,} samples, more than the {MOST_SAMPLES:,} "
            "allowed",
            "cut it, or resample it",
        )


def _check_length(frames: int, rate: float, wanted: Wanted) -> None:
    if frames < 1:
        raise CellError("a sound of zero samples", "replace it, or leave the cell empty")
    if frames / rate > wanted.max_seconds:
        raise too_long(frames / rate, wanted.max_seconds)


def _decoded(file: soundfile.SoundFile, wanted: Wanted) -> Samples:
    declared = file.frames
    keep = min(declared, max(1, round(wanted.seconds * file.samplerate)))
    start = (declared - keep) // 2
    kept = np.zeros(keep, np.float32)
    done = 0
    while done <= declared:
        block = file.read(BLOCK, dtype="float32", always_2d=True)
        if not len(block):
            break
        mono = block.mean(axis=1) if block.shape[1] > 1 else block[:, 0]
        check_samples(mono)
        low, high = max(start, done), min(start + keep, done + len(mono))
        if low < high:
            kept[low - start : high - start] = mono[low - done : high - done]
        done += len(mono)
    if done < declared:
        raise damaged("sound", f"{done:,} samples of the {declared:,} that it declares")
    return kept


def check_samples(samples: Samples) -> None:
    """Refuse samples that are no numbers, or far beyond -1..1.

    Errors:
        CellError: says what was found.
    """
    loudest = float(np.abs(samples).max(initial=0.0))
    if not np.isfinite(loudest):
        raise CellError("a sound with NaN or inf in it", "replace it, or leave the cell empty")
    if loudest > LOUDEST:
        raise CellError(
            f"a sound with samples up to {loudest:g}, expected -1 to 1", "scale the samples"
        )
