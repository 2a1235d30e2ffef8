"""Pictures and sounds made by code, as bytes, for the tests of reading them."""

import io
import struct
import zlib

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image


def smooth(width: int, height: int) -> NDArray[np.uint8]:
    """Make a smooth colour picture, which survives lossy formats: red across, green down."""
    x = np.linspace(20, 230, width)[None, :]
    y = np.linspace(30, 220, height)[:, None]
    planes = [x + 0 * y, 0 * x + y, 0 * x + 0 * y + 90]
    return np.stack(planes, -1).astype(np.uint8)


def encoded(image: Image.Image | NDArray[np.uint8], form: str, **options: object) -> bytes:
    """Encode a picture."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    stream = io.BytesIO()
    image.save(stream, form, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def png_header(width: int, height: int) -> bytes:
    """Make a PNG that declares a size and holds next to nothing."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1_000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def tone(seconds: float = 0.5, rate: int = 8_000, pitch: float = 440.0) -> NDArray[np.float32]:
    """Make a tone with a little noise."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(0).normal(0, 0.01, len(time))
    return (0.5 * np.sin(2 * np.pi * pitch * time) + noise).astype(np.float32)


def recorded(
    samples: NDArray[np.float32], form: str = "WAV", rate: int = 8_000, subtype: str | None = None
) -> bytes:
    """Encode a sound."""
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format=form, subtype=subtype)
    return stream.getvalue()
