"""A long recording as windows, cut where it is quiet; memory does not grow with the recording.

Legend: rate in Hz, starts and lengths in seconds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from jaxtyping import Float

from sensorium.core.errors import CellError
from sensorium.media.limits import damaged
from sensorium.media.pixels import as_array
from sensorium.media.sound import FORMATS, check_samples, opened, read_sound
from sensorium.media.source import locate
from sensorium.media.whole import check_sound

Samples = Float[np.ndarray, " samples"]
FRAME = 0.02
"""Loudness is measured over so many seconds."""
SEARCHED = 0.4
"""The quietest place is looked for in this last share of a window."""
BLOCK = 2**16
LONGEST = 1e9
"""Of an array, which is in memory already, seconds."""
ROUNDING = 1e-6
"""Of a product of floats that is a whole number."""


@dataclass(frozen=True, eq=False)
class Window:
    """A stretch of a recording.

    Attributes:
        start: where it begins, seconds.
        samples: from -1 to 1, of one channel.
    """

    start: float
    samples: Samples


def windows(recording: Any, rate: int, seconds: float) -> Iterator[Window]:
    """Cut a recording into windows of up to so many seconds, each end where it is quietest.

    Args:
        recording: a path, bytes, or an array of samples at ``rate``; of any length.
        rate: samples a second to deliver.
        seconds: no window is longer.

    Errors:
        CellError: damaged, or not a sound.
    """
    most, done = max(1, int(seconds * rate + ROUNDING)), 0
    held = np.zeros(0, np.float32)
    for block in _blocks(recording, rate):
        held = np.concatenate([held, block])
        while len(held) > most:
            end = quietest(held[:most], rate)
            yield Window(done / rate, held[:end])
            held, done = held[end:], done + end
    if len(held):
        yield Window(done / rate, held)


def quietest(samples: Samples, rate: int) -> int:
    """Find the quietest place toward the end of a window: the middle of its softest 20 ms."""
    size = max(1, round(FRAME * rate))
    first = int(len(samples) * (1 - SEARCHED))
    tail = samples[first:]
    frames = tail[: len(tail) // size * size].reshape(-1, size)
    if not len(frames):
        return len(samples)
    loudness = np.square(frames, dtype=np.float64).mean(1)
    softest = np.flatnonzero(loudness <= loudness.min())
    return max(1, first + int(softest[-1]) * size + size // 2)


def _blocks(recording: Any, rate: int) -> Iterator[Samples]:
    source = locate(recording)
    if source is None:
        if _samples(recording):
            whole = read_sound(recording, rate, LONGEST, LONGEST)
            yield from (whole[start : start + BLOCK] for start in range(0, len(whole), BLOCK))
        return
    try:
        with soundfile.SoundFile(opened(source)) as file:
            _check(source, file.format)
            yield from _resampled(file, rate)
    except CellError:
        raise
    except (soundfile.LibsndfileError, ValueError, TypeError, OSError) as error:
        raise damaged("sound", getattr(error, "error_string", error)) from error


def _check(source: Path | bytes, form: str) -> None:
    if form not in FORMATS:
        raise CellError(f"a sound of the format {form}", "convert it to WAV, FLAC, OGG or MP3")
    check_sound(source, form)


def _samples(recording: Any) -> int:
    """Count the samples of an array, or of a dict that holds one."""
    array = recording.get("array") if isinstance(recording, Mapping) else recording
    return int(as_array(array, "a sound").size)


def _resampled(file: soundfile.SoundFile, rate: int) -> Iterator[Samples]:
    resampler = None
    if file.samplerate != rate:
        resampler = soxr.ResampleStream(file.samplerate, rate, 1, dtype="float32", quality="HQ")
    read = 0
    while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
        read += len(block)
        mono = block.mean(axis=1)
        check_samples(mono)
        mono = np.clip(mono, -1.0, 1.0)
        yield mono if resampler is None else resampler.resample_chunk(mono)
    if resampler is not None:
        yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)
    if read < file.frames:
        raise damaged("sound", f"{read:,} samples of the {file.frames:,} that it declares")
