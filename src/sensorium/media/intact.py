"""Is a picture whole? Checksums and endings that the decoders do not look at themselves."""

import struct
import zlib

from sensorium.core.errors import CellError
from sensorium.media.limits import damaged

MOST_SCANS = 100
"""A progressive JPEG has about ten scans; each costs as much time as a whole picture."""

MOST_PROGRESSIVE = 80_000_000

PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
"""Markers of a frame that comes in scans (ITU-T T.81, table B.1)."""
FRAMES = {0xC0, 0xC1, 0xC3, 0xC5, 0xC7, 0xC9, 0xCB, 0xCD, 0xCF}
"""Markers of any other frame."""

_CHUNK = struct.Struct(">I4s")


def check_raster(data: bytes, form: str) -> None:
    """Look for damage that Pillow would decode without a word.

    Errors:
        CellError: a checksum is wrong, or the file ends before its declared end.
    """
    if form == "PNG":
        _check_png(data)


def check_progressive(data: bytes, pixels: int) -> None:
    """Refuse a progressive JPEG that would take too much time or memory.

    Errors:
        CellError: thousands of scans in a few kilobytes, or too many pixels to hold as the six
            bytes each that a progressive picture needs before its first pixel is known.
    """
    if not _may_be_progressive(data):
        return
    if pixels > MOST_PROGRESSIVE:
        raise CellError(
            f"a progressive JPEG of {pixels:,} px, more than the {MOST_PROGRESSIVE:,} px allowed",
            "save it again as a baseline JPEG, or make it smaller",
        )
    scans = data.count(b"\xff\xda")  # in the coded data a 0xff is never followed by 0xda
    if scans > MOST_SCANS:
        raise CellError(
            f"a JPEG picture of {scans:,} scans, more than the {MOST_SCANS} allowed",
            "save it again as a baseline JPEG",
        )


def _may_be_progressive(data: bytes) -> bool:
    """Go from marker to marker up to the first frame; where they are lost, it may be."""
    place = 2
    while data[place : place + 1] == b"\xff" and place + 4 <= len(data):
        marker = data[place + 1]
        if marker in PROGRESSIVE:
            return True
        if marker in FRAMES:
            return False
        alone = marker in {0x01, 0xFF} or 0xD0 <= marker <= 0xD9
        length = 0 if alone else int.from_bytes(data[place + 2 : place + 4], "big")
        if marker == 0x00 or (length < 2 and not alone):
            return True
        place += 1 if marker == 0xFF else 2 + length
    return True


def _check_png(data: bytes) -> None:
    place = 8
    while place + 12 <= len(data):
        length, name = _CHUNK.unpack_from(data, place)
        end = place + 8 + length
        if end + 4 > len(data):
            break
        if not name[0] & 32:  # a chunk that is needed to show the picture
            told = int.from_bytes(data[end : end + 4], "big")
            if zlib.crc32(memoryview(data)[place + 4 : end]) != told:
                raise damaged("PNG picture", f"wrong checksum in {name.decode('latin-1')!r}")
        if name == b"IEND":
            return
        place = end + 4
    raise damaged("PNG picture", f"it ends after {len(data):,} bytes without its last chunk")
