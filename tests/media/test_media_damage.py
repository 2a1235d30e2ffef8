"""Damaged and hostile pictures: all are refused, in little time and memory, with words."""

import io
import resource
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media_made import encoded, png_header, smooth
from PIL import Image

from sensorium.core.errors import CellError
from sensorium.media import read_picture
from sensorium.media.intact import _may_be_progressive

PHOTO = smooth(90, 70)
WHOLE: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: encoded(PHOTO, "JPEG"),
    "JPEG progressive": lambda: encoded(PHOTO, "JPEG", progressive=True),
    "PNG": lambda: encoded(PHOTO, "PNG"),
    "PNG palette": lambda: encoded(Image.fromarray(PHOTO).quantize(64), "PNG"),
    "GIF": lambda: encoded(PHOTO, "GIF"),
    "BMP": lambda: encoded(PHOTO, "BMP"),
    "WEBP": lambda: encoded(PHOTO, "WEBP"),
    "WEBP lossless": lambda: encoded(PHOTO, "WEBP", lossless=True),
    "TIFF": lambda: encoded(PHOTO, "TIFF"),
    "TIFF deflate": lambda: encoded(PHOTO, "TIFF", compression="tiff_adobe_deflate"),
    "PPM": lambda: encoded(PHOTO, "PPM"),
    "AVIF": lambda: encoded(PHOTO, "AVIF"),
    "JPEG2000": lambda: encoded(PHOTO, "JPEG2000"),
}


@pytest.mark.parametrize("form", WHOLE)
def test_a_shortened_picture_is_refused_wherever_it_is_cut(form: str) -> None:
    data = WHOLE[form]()
    read_picture(data, 32)
    for share in np.linspace(0.01, 0.98, 25):
        with pytest.raises(CellError) as fault:
            read_picture(data[: max(1, int(len(data) * share))], 32)
        assert fault.value.advice


def test_a_flipped_bit_in_a_png_is_refused() -> None:
    data = WHOLE["PNG"]()
    body = data.index(b"IDAT") + 4
    for place in np.linspace(body, len(data) - 20, 20).astype(int):
        damaged = bytearray(data)
        damaged[place] ^= 16
        with pytest.raises(CellError, match="damaged PNG picture"):
            read_picture(bytes(damaged), 32)


def test_a_png_without_its_end_is_refused() -> None:
    data = WHOLE["PNG"]()
    with pytest.raises(CellError, match="without its last chunk"):
        read_picture(data[:-12], 32)


def _jpeg_header(width: int, height: int) -> bytes:
    data = bytearray(encoded(smooth(16, 16), "JPEG"))
    start = data.index(b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def _tiff_header(width: int, height: int) -> bytes:
    data = bytearray(encoded(smooth(16, 16), "TIFF"))
    for tag, value in ((0x0100, width), (0x0101, height)):
        start = (
            data.index(struct.pack("<HHI", tag, 4, 1))
            if struct.pack("<HHI", tag, 4, 1) in data
            else data.index(struct.pack("<HHI", tag, 3, 1))
        )
        data[start : start + 12] = struct.pack("<HHII", tag, 4, 1, value)
    return bytes(data)


def _gif_header(width: int, height: int) -> bytes:
    data = bytearray(encoded(smooth(16, 16), "GIF"))
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        png_header(60_000, 60_000),
        png_header(2**31 - 1, 2**31 - 1),
        png_header(13_000, 13_000),
        _jpeg_header(60_000, 60_000),
        _jpeg_header(13_000, 13_000),
        _tiff_header(60_000, 60_000),
        _gif_header(60_000, 60_000),
    ],
    ids=["png", "png-most", "png-13k", "jpeg", "jpeg-13k", "tiff", "gif"],
)
def test_a_picture_too_large_is_refused_by_its_header(data: bytes) -> None:
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    with pytest.raises(CellError, match="px, more than the 100,000,000 px allowed") as fault:
        read_picture(data, 64)
    assert "max_pixels" in fault.value.advice
    assert time.perf_counter() - start < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


def test_the_size_is_named_and_the_limit_is_the_fields() -> None:
    with pytest.raises(CellError, match="90 x 70 px, more than the 6,299 px"):
        read_picture(encoded(PHOTO, "JPEG"), 16, max_pixels=90 * 70 - 1)
    for form in ("JPEG", "PNG"):
        read_picture(encoded(PHOTO, form), 16, max_pixels=90 * 70)
    for cell in (PHOTO, Image.fromarray(PHOTO), encoded(PHOTO, "PNG")):
        with pytest.raises(CellError, match="more than the 1,000 px"):
            read_picture(cell, 16, max_pixels=1_000)


def test_a_bomb_of_text_inside_a_png_is_refused() -> None:
    data = WHOLE["PNG"]()
    text = b"comment\0\0" + zlib.compress(bytes(80_000_000), 9)
    name = b"zTXt"
    chunk = struct.pack(">I", len(text)) + name + text + struct.pack(">I", zlib.crc32(name + text))
    with pytest.raises(CellError, match="too large"):
        read_picture(data[:33] + chunk + data[33:], 32)


def test_a_jpeg_of_too_many_scans_is_refused_at_once() -> None:
    data = WHOLE["JPEG progressive"]()
    scan = data.rindex(b"\xff\xda")
    start = time.perf_counter()
    with pytest.raises(CellError, match=r"2,0\d\d scans"):
        read_picture(data[:scan] + data[scan:-2] * 2_000 + data[-2:], 32)
    assert time.perf_counter() - start < 2


def test_a_progressive_jpeg_may_not_be_as_large_as_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensorium.media.intact.MOST_PROGRESSIVE", 6_000)
    read_picture(WHOLE["JPEG"](), 32)
    with pytest.raises(CellError, match="progressive JPEG of 6,300 px"):
        read_picture(WHOLE["JPEG progressive"](), 32)


@pytest.mark.parametrize(
    "data",
    [
        b"just some words, no picture at all",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"PK\x03\x04" + bytes(60),
        bytes(500),
        b"\xff\xd8",
        b"\xff\xd8\xff\xd9",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"RIFF\x04\x00\x00\x00WEBP",
        b"II*\x00\xff\xff\xff\xff",
        b"BM" + bytes(30),
    ],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(CellError) as fault:
        read_picture(data, 32)
    assert fault.value.found
    assert fault.value.advice


def test_broken_notes_about_a_picture_do_not_make_it_damaged() -> None:
    data = WHOLE["JPEG"]()
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff broken"
    block = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    noted = data[:2] + block + data[2:]
    np.testing.assert_array_equal(read_picture(noted, 32), read_picture(data, 32))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_random_damage_never_gives_anything_but_a_picture_or_a_fault(form: str) -> None:
    rng = np.random.default_rng(0)
    data = WHOLE[form]()
    for _ in range(60):
        damaged = bytearray(data)
        for place in rng.integers(len(data), size=rng.integers(1, 9)):
            damaged[place] = rng.integers(256)
        try:
            found = read_picture(bytes(damaged), 16)
        except CellError:
            continue
        assert found.shape == (3, 16, 16)


def test_a_pillow_picture_that_turns_out_damaged_is_named() -> None:
    data = WHOLE["PNG"]()
    opened: Any = Image.open(io.BytesIO(data[: len(data) // 2]))
    with pytest.raises(CellError, match="damaged PNG picture"):
        read_picture(opened, 32)


def test_a_progressive_jpeg_cannot_hide_behind_odd_markers(tmp_path: Path) -> None:
    file = tmp_path / "p.jpg"
    Image.new("RGB", (16, 16)).save(file, progressive=True)
    data = file.read_bytes()
    assert _may_be_progressive(data)
    assert _may_be_progressive(b"\xff\xd8\xff\x00\x00\x06\xff\xfe\x00\x04\xff\xc0" + data[2:])
    assert _may_be_progressive(b"\xff\xd8\xff\xe0\x00\x00" + data[2:])
    assert _may_be_progressive(b"\xff\xd8\xff\xff\xff" + data[3:]), "fill bytes are passed over"
    Image.new("RGB", (16, 16)).save(file)
    assert not _may_be_progressive(file.read_bytes())
