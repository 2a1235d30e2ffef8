"""Is a sound whole? Declared lengths and checksums that libsndfile does not look at itself.

A shortened WAV, AIFF, AU or OGG is to libsndfile a shorter sound. FLAC and MP3 need no look: their
declared length is compared with what was decoded. An MP3 without a Xing or Info header declares
none, so that a shortened one cannot be told.
"""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from sensorium.media.limits import damaged

STREAMED = 0x7FFF0000
"""Writers that do not know the length beforehand put a number from here on into the header."""

PAGE = struct.Struct("<4sBBqIIIB")
LAST = 4
_MIRROR = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def check_sound(source: Path | bytes, form: str) -> None:
    """Look for a shortened or damaged sound that libsndfile would take for a shorter one.

    Args:
        source: the file or its bytes.
        form: libsndfile's name of the format.

    Errors:
        CellError: the file ends before its declared end, or a checksum is wrong.
    """
    check = CHECKS.get(form)
    if check is None:
        return
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        check(file)


def _check_chunks(file: io.BufferedIOBase) -> None:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    kind = file.read(4)
    form = "AIFF" if kind == b"FORM" else "WAV"
    chunk = struct.Struct("<4sI" if kind == b"RIFF" else ">4sI")
    wanted = b"SSND" if form == "AIFF" else b"data"
    place = 12
    while place + 8 <= size:
        file.seek(place)
        name, length = chunk.unpack(file.read(8))
        if name == wanted:
            _check_length(form, size - place - 8, length)
            return
        place += 8 + length + length % 2
    raise damaged(f"{form} sound", f"no {wanted.decode()} chunk")


def _check_au(file: io.BufferedIOBase) -> None:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(12)
    order = ">" if head[:4] == b".snd" else "<"
    start, length = struct.unpack(f"{order}4xII", head)
    _check_length("AU", size - start, length)


def _check_length(form: str, found: int, declared: int) -> None:
    if found < declared < STREAMED:
        raise damaged(f"{form} sound", f"{found:,} bytes of the {declared:,} that it declares")


def _check_ogg(file: io.BufferedIOBase) -> None:
    flags, number = 0, 0
    while head := file.read(PAGE.size):
        if head[:4] != b"OggS" and flags & LAST:
            return  # what follows the last page is not sound
        if len(head) < PAGE.size or head[:4] != b"OggS":
            raise damaged("OGG sound", f"page {number} is cut off or lost")
        _, _, flags, _, _, _, checksum, segments = PAGE.unpack(head)
        sizes = file.read(segments)
        body = file.read(sum(sizes))
        whole = head[:22] + bytes(4) + head[26:] + sizes + body
        if len(whole) < PAGE.size + segments + sum(sizes) or _ogg_checksum(whole) != checksum:
            raise damaged("OGG sound", f"page {number} is cut off or has a wrong checksum")
        number += 1
    if not flags & LAST:
        raise damaged("OGG sound", f"it ends after page {number - 1}, which is not its last")


def _ogg_checksum(data: bytes) -> int:
    """Compute the unmirrored CRC-32 that starts at 0, by way of zlib's mirrored one."""
    mirrored = zlib.crc32(data.translate(_MIRROR), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


CHECKS: dict[str, Callable[[io.BufferedIOBase], None]] = {
    "AIFF": _check_chunks,
    "AU": _check_au,
    "OGG": _check_ogg,
    "WAV": _check_chunks,
    "WAVEX": _check_chunks,
}
