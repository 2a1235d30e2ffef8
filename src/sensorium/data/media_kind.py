"""Which medium a raw cell holds, told by suffix, first bytes, type or shape; decodes nothing."""

from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from jaxtyping import Shaped

PICTURES = frozenset({
    ".jpg", ".jpeg", ".jfif", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm",
    ".pbm", ".avif", ".heic", ".ico",
})  # fmt: skip
SOUNDS = frozenset({
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff", ".au",
    ".wma", ".caf",  # codespell:ignore caf
})  # fmt: skip
SERIES = frozenset({".npy"})

_HEADS = (
    (b"\xff\xd8\xff", "image"),
    (b"\x89PNG\r\n", "image"),
    (b"GIF8", "image"),
    (b"BM", "image"),
    (b"II*\0", "image"),
    (b"MM\0*", "image"),
    (b"P5", "image"),
    (b"P6", "image"),
    (b"fLaC", "audio"),
    (b"OggS", "audio"),
    (b"ID3", "audio"),
    (b"\xff\xfb", "audio"),
    (b"\xff\xf3", "audio"),
    (b"FORM", "audio"),
    (b".snd", "audio"),
    (b"\x93NUMPY", "series"),
)
_RIFF = {b"WEBP": "image", b"WAVE": "audio"}


def by_suffix(name: str) -> str:
    """Tell the medium of a file name or URL: image, audio, series, or "" for none."""
    if name.startswith(("http://", "https://")):
        name = urlsplit(name).path
    suffix = PurePosixPath(name).suffix.lower()
    for kind, suffixes in (("image", PICTURES), ("audio", SOUNDS), ("series", SERIES)):
        if suffix in suffixes:
            return kind
    return ""


def by_bytes(data: bytes) -> str:
    """Tell the medium of a file's first bytes."""
    if data[:4] == b"RIFF":
        return _RIFF.get(data[8:12], "")
    if data[4:12] in (b"ftypavif", b"ftypheic"):
        return "image"
    return next((kind for head, kind in _HEADS if data.startswith(head)), "")


def of(cell: Any) -> str:
    """Tell the medium of a raw cell: image, audio, series, vector, or "" for none of them."""
    if isinstance(cell, str):
        return _of_text(cell)
    if isinstance(cell, Path):
        return by_suffix(cell.name)
    if isinstance(cell, bytes | bytearray | memoryview):
        return by_bytes(bytes(cell[:16]))
    if isinstance(cell, dict):
        return _of_dict(cell)
    if type(cell).__module__.startswith("PIL"):
        return "image"
    return _of_array(np.asarray(cell)) if hasattr(cell, "__array__") else ""


def _of_text(text: str) -> str:
    if text.startswith("data:"):
        kind = text[5:].split("/", maxsplit=1)[0]
        return kind if kind in ("image", "audio") else ""
    return by_suffix(text) if len(text) < 1_024 and "\n" not in text else ""


def _of_dict(cell: dict[Any, Any]) -> str:
    if "sampling_rate" in cell:
        return "audio"
    return of(cell["bytes"]) if cell.get("bytes") else of(str(cell.get("path") or ""))


def _of_array(array: Shaped[np.ndarray, " *shape"]) -> str:
    if array.dtype.kind not in "biuf":
        return ""
    if array.ndim == 3 or (array.ndim == 2 and array.dtype == np.uint8):
        return "image"
    return {1: "vector", 2: "series"}.get(array.ndim, "")
