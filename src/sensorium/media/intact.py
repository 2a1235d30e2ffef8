"""Is a file whole? Declared lengths and checksums that the decoders do not look at themselves."""

import io
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

from sensorium.media.limits import damaged

_CHUNK = struct.Struct(">I4s")
STREAMED = 0x7FFF0000
"""Writers that do not know the length beforehand put a number from here on into the header."""


def check_raster(data: bytes, form: str) -> None:
    """Look for damage that Pillow would decode without a word.

    Errors:
        CellError: a checksum is wrong, or the file ends before its declared end.
    """
    if form == "PNG":
        _check_png(data)


def _check_png(data: bytes) -> None:
    place = 8
    while place + 12 <= len(data):
        length, name = _CHUNK.unpack_from(data, place)
        end = place + 8 + length
        if end + 4 > len(data):
            break
        if not name[0] & 32:  # a chunk that is needed to show the picture
            told = int.from_bytes(data[end : end + 4], "big")
            if zlib.crc32(data[place + 4 : end]) != told:
                raise damaged("PNG picture", f"wrong checksum in {name.decode('latin-1')!r}")
        if name == b"IEND":
            return
        place = end + 4
    raise damaged("PNG picture", f"it ends after {len(data):,} bytes without its last chunk")


def check_sound(source: Path | bytes, form: str) -> None:
    """Look for a shortened sound that libsndfile would take for a shorter one.

    Errors:
        CellError: the file ends before its declared end.
    """
    check = {"WAV": _check_riff, "WAVEX": _check_riff, "OGG": _check_ogg}.get(form)
    if check is None:
        return
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        check(file)


def _check_riff(file: BinaryIO) -> None:
    size = file.seek(0, io.SEEK_END)
    place = 12
    while place + 8 <= size:
        file.seek(place)
        name, length = struct.unpack("<4sI", file.read(8))
        if name == b"data":
            if length < STREAMED and place + 8 + length > size:
                found = size - place - 8
                raise damaged("WAV sound", f"{found:,} bytes of the {length:,} that it declares")
            return
        place += 8 + length + length % 2
    raise damaged("WAV sound", "no data chunk")


def _check_ogg(file: BinaryIO) -> None:
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 2**16 - 512))
    tail = file.read()
    last = tail.rfind(b"OggS\0")
    if last < 0 or last + 27 > len(tail) or not tail[last + 5] & 4:
        raise damaged("OGG sound", "it ends without its last page")
    body = tail[last + 27 : last + 27 + tail[last + 26]]
    if last + 27 + tail[last + 26] + sum(body) > len(tail):
        raise damaged("OGG sound", "its last page is cut off")
