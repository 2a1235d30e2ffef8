"""Options of fields from a sample: sizes, rates and lengths. Reads headers, decodes nothing."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import numpy as np

from sensorium.core.counted import counted
from sensorium.core.errors import CellError
from sensorium.core.schema import Audio, Field, Image, Series, Text, Vector
from sensorium.data import headers
from sensorium.data.sample import Sample, without_spaces, word_count
from sensorium.data.table import located

T = TypeVar("T")

_HEADERS = 64
_SIDE = 64
_RATE = 16_000
_SECONDS = 10.0
_STEPS = 512
_LONGEST = 512
_FEW = 5_000
_PHRASE = 100
_STRIP = 2.0
"""Pictures so many times as long as wide are strips; 16:9 is 1.8."""


def text(cells: Sequence[str], rows: int) -> Text:
    """Size a text field: nearly all cells (95 %) fit into ``max_tokens``.

    Chinese and its like are read by characters, and so are names and phrases of a small table,
    most of whose words occur only once.

    Args:
        cells: a sample.
        rows: how many the table has.
    """
    longest = float(np.quantile([len(cell) for cell in cells[:2_000]], 0.98)) if cells else 0.0
    spaceless = without_spaces(cells[:200])
    if spaceless or (rows < _FEW and longest <= _PHRASE):
        fitting = min(2 * _LONGEST, max(16, 8 * math.ceil(longest / 8)))
        return Text(tokenizer="characters", max_tokens=fitting, lowercase=not spaceless)
    tokens = [1.4 * word_count(cell) + 2 for cell in cells[:2_000]]
    longest = float(np.quantile(tokens, 0.95)) if tokens else 0.0
    return Text(max_tokens=min(_LONGEST, max(16, 8 * math.ceil(longest / 8))))


def image(sample: Sample) -> tuple[Field, str]:
    """Size a picture field: 64 px, or less if all pictures are smaller; grey if all are grey.

    Long strips are pressed into the square, for the middle of a strip is little of it.
    """
    found = _headers(sample, headers.picture)
    if not found:
        return Image(size=_SIDE), "pictures"
    side = max(max(picture.width, picture.height) for picture in found)
    grey = all(picture.grey for picture in found)
    size = min(_SIDE, max(8, 8 * math.ceil(side / 8)))
    reason = f"pictures of up to {side:,} px" + (", all grey" if grey else "")
    lengths = [max(p.width, p.height) / max(1, min(p.width, p.height)) for p in found]
    strips = float(np.median(lengths)) >= _STRIP
    reason += ", most of them long strips: pressed into a square" if strips else ""
    channels = 1 if grey else 3
    return Image(size=size, channels=channels, fit="stretch" if strips else "crop"), reason


def audio(sample: Sample) -> tuple[Field, str]:
    """Size a sound field: its commonest rate up to 16 kHz; 95 % of the sounds fit."""
    found = _headers(sample, headers.sound)
    if not found:
        return Audio(), "sounds"
    rate = Counter(sound.rate for sound in found).most_common(1)[0][0]
    seconds = float(np.quantile([sound.seconds for sound in found], 0.95))
    seconds = min(_SECONDS, max(0.25, math.ceil(seconds * 10) / 10))
    reason = f"sounds at {rate:,} Hz, nearly all within {seconds:g} s"
    return Audio(rate=max(1_000, min(rate, _RATE)), seconds=seconds), reason


def series(sample: Sample) -> tuple[Field, str]:
    """Size a series field: 95 % of the signals fit into ``max_steps``."""
    found = _headers(sample, headers.signal)
    if not found:
        return Series(), "signals over time"
    lengths = [signal.steps for signal in found]
    longest = math.ceil(float(np.quantile(lengths, 0.95)))
    field = Series(max_steps=min(_STEPS, max(16, 16 * math.ceil(longest / 16))))
    channels = max(signal.channels for signal in found)
    shape = f"{min(lengths):,} to {counted(max(lengths), 'step')}, {counted(channels, 'channel')}"
    return field, f"signals of {shape}"


def _headers(sample: Sample, read: Callable[[Any], T]) -> list[T]:
    """Read the headers of some cells; damaged ones are passed over."""
    found = []
    for cell in sample.cells[:_HEADERS]:
        with suppress(CellError):
            found.append(read(located(cell, sample.folder)))
    return found


def vector(sample: Sample) -> tuple[Field, str]:
    """A vector field; it has no options."""
    return Vector(), f"{counted(len(sample.cells[0]), 'number')} a cell"


SIZING: dict[str, Callable[[Sample], tuple[Field, str]]] = {
    "image": image,
    "audio": audio,
    "series": series,
    "vector": vector,
}
