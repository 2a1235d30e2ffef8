"""One cell as a reader sees it: a small picture, a sound to play, a curve, or words.

Pictures and sounds are shown as the model got them, after resizing and resampling. Everything else
is plain text; whoever renders it escapes it.
"""

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import soundfile
from PIL import Image as Picture

from sensorium.core.counted import counted
from sensorium.core.faults import Ledger, RowId
from sensorium.core.schema import Audio, Field
from sensorium.media import file_named
from sensorium.preprocess.preprocess import Preprocess

LONGEST = 600
"""Longer texts are cut."""

THUMBNAIL = 160
"""Larger pictures are shown this wide, px."""

Form = Literal["text", "image", "audio", "series", "absent", "damaged"]


@dataclass(frozen=True, slots=True)
class CellView:
    """One cell, ready to be shown.

    Attributes:
        column: the column.
        form: how to show it.
        text: the cell in words: itself, or the file that it names, or what is wrong with it.
        uri: a data: URI of a picture or a sound.
        lines: a signal: the points of one SVG polyline a channel, in a box of 120 x 32.
    """

    column: str
    form: Form
    text: str = ""
    uri: str = ""
    lines: tuple[str, ...] = ()


def view_cell(prep: Preprocess, column: str, raw: Any, row: RowId) -> CellView:
    """Make one raw cell ready to be shown."""
    faults = Ledger()
    clean = prep.read_cell(column, raw, row, faults)
    for fault in faults:
        return CellView(column, "damaged", fault.found)
    if clean is None:
        return CellView(column, "absent")
    field = prep.schema.fields[column]
    show = VIEWS.get(field.kind)
    return show(column, field, clean, file_named(raw)) if show else _text(column, raw)


def _text(column: str, raw: Any) -> CellView:
    text = f"{raw:.15g}" if isinstance(raw, float) else str(raw)  # 21.49, not 21.490000000000002
    return CellView(column, "text", text if len(text) <= LONGEST else text[:LONGEST] + " …")


def _picture(column: str, field: Field, clean: Any, name: str) -> CellView:  # noqa: ARG001
    pixels = np.moveaxis(clean, 0, -1)
    picture = Picture.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return CellView(column, "image", name, _uri("image/png", file))


def _sound(column: str, field: Field, clean: Any, name: str) -> CellView:
    file = io.BytesIO()
    rate = field.rate if isinstance(field, Audio) else 16_000
    soundfile.write(file, clean, rate, format="FLAC", subtype="PCM_16")
    return CellView(column, "audio", name, _uri("audio/flac", file))


def _signal(column: str, field: Field, clean: Any, name: str) -> CellView:  # noqa: ARG001
    steps, channels = clean.shape
    places = np.linspace(0, steps - 1, min(steps, 120)).astype(int)
    low, high = float(clean.min()), float(clean.max())
    height = 30 - 28 * (clean[places] - low) / max(high - low, 1e-12)
    across = np.linspace(0, 120, len(places))
    lines = tuple(
        " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, height[:, channel], strict=True))
        for channel in range(min(channels, 6))
    )
    shape = f"{counted(steps, 'step')}, {counted(channels, 'channel')}"
    return CellView(column, "series", shape, lines=lines)


def _uri(kind: str, file: io.BytesIO) -> str:
    return f"data:{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


VIEWS: dict[str, Callable[[str, Field, Any, str], CellView]] = {
    "image": _picture,
    "audio": _sound,
    "series": _signal,
}
