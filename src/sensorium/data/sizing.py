"""Options of fields from a sample: sizes, rates and lengths. Reads headers, decodes nothing."""

import io
import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image as Pillow

from sensorium.core.schema import Audio, Field, Image, Series, Text, Vector
from sensorium.data.sample import Sample, word_count

_HEADERS = 64
_SIDE = 64
_RATE = 16_000
_LONGEST = 512


def text(cells: Sequence[str]) -> Text:
    """Size a text field: nearly all cells (95 %) fit into ``max_tokens``."""
    tokens = [1.4 * word_count(cell) + 2 for cell in cells[:2_000]]
    longest = float(np.quantile(tokens, 0.95)) if tokens else 0.0
    return Text(max_tokens=min(_LONGEST, max(16, 8 * math.ceil(longest / 8))))


def image(sample: Sample) -> tuple[Field, str]:
    """Size a picture field: 64 px, or less if all pictures are smaller; grey if all are grey."""
    found = [header for cell in sample.cells[:_HEADERS] if (header := _picture(cell, sample))]
    if not found:
        return Image(size=_SIDE), "pictures"
    side = max(max(width, height) for width, height, _ in found)
    grey = all(is_grey for _, _, is_grey in found)
    size = min(_SIDE, max(8, 8 * math.ceil(side / 8)))
    reason = f"pictures of up to {side} px" + (", all grey" if grey else "")
    return Image(size=size, channels=1 if grey else 3), reason


def _picture(cell: Any, sample: Sample) -> tuple[int, int, bool] | None:
    if hasattr(cell, "__array__") and not hasattr(cell, "mode"):
        shape = np.asarray(cell).shape
        return shape[1], shape[0], len(shape) == 2 or shape[2] == 1
    try:
        picture = cell if hasattr(cell, "mode") else Pillow.open(_opened(cell, sample))
    except (OSError, ValueError, TypeError, SyntaxError, Pillow.DecompressionBombError):
        return None
    return picture.width, picture.height, picture.mode in ("L", "1", "I;16")


def audio(sample: Sample) -> tuple[Field, str]:
    """Size a sound field: its commonest rate up to 16 kHz; 95 % of the sounds fit."""
    found = [header for cell in sample.cells[:_HEADERS] if (header := _sound(cell, sample))]
    if not found:
        return Audio(), "sounds"
    rate = Counter(rate for rate, _ in found).most_common(1)[0][0]
    seconds = float(np.quantile([seconds for _, seconds in found], 0.95))
    seconds = min(10.0, max(0.25, math.ceil(seconds * 10) / 10))
    reason = f"sounds at {rate:,} Hz, nearly all within {seconds:g} s"
    return Audio(rate=max(1_000, min(rate, _RATE)), seconds=seconds), reason


def _sound(cell: Any, sample: Sample) -> tuple[int, float] | None:
    if isinstance(cell, dict) and "sampling_rate" in cell:
        return cell["sampling_rate"], len(cell["array"]) / cell["sampling_rate"]
    try:
        header = soundfile.info(_opened(cell, sample))
    except (OSError, RuntimeError, ValueError, TypeError):
        return None
    return header.samplerate, header.frames / header.samplerate


def _opened(cell: Any, sample: Sample) -> Any:
    if isinstance(cell, dict):
        cell = cell.get("bytes") or cell.get("path")
    if isinstance(cell, bytes):
        return io.BytesIO(cell)
    return (sample.folder or Path.cwd()) / cell


def series(sample: Sample) -> tuple[Field, str]:
    """Size a series field: 95 % of the signals fit into ``max_steps``."""
    lengths = [count for cell in sample.cells[:_HEADERS] if (count := _steps(cell, sample))]
    if not lengths:
        return Series(), "signals over time"
    longest = math.ceil(float(np.quantile(lengths, 0.95)))
    field = Series(max_steps=min(1_024, max(16, 16 * math.ceil(longest / 16))))
    return field, f"signals of {min(lengths):,} to {max(lengths):,} steps"


def _steps(cell: Any, sample: Sample) -> int:
    if not isinstance(cell, str | Path):
        return len(cell)
    try:
        return len(np.load(_opened(cell, sample), mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError, TypeError):
        return 0


def vector(sample: Sample) -> tuple[Field, str]:
    """A vector field; it has no options."""
    return Vector(), f"{len(sample.cells[0])} numbers a cell"


SIZING: dict[str, Callable[[Sample], tuple[Field, str]]] = {
    "image": image,
    "audio": audio,
    "series": series,
    "vector": vector,
}
