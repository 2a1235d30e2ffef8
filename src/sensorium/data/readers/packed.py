"""Packed text files, ``table.csv.gz`` and the like: unpacked aside, read, and thrown away."""

import bz2
import gzip
import lzma
import shutil
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sensorium.core.errors import TableError
from sensorium.data.table import Table

OPENERS: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
"""How to unpack, by suffix."""
MOST = 16 * 2**30
"""A file that is larger than this when unpacked is refused, bytes."""
_BLOCK = 2**22
_FAILURES = (OSError, EOFError, zlib.error, lzma.LZMAError)


def read(file: Path, reader: Callable[[Path], Table], most: int = MOST) -> Table:
    """Read a packed file.

    Args:
        file: the file; its name without the last suffix is that of what it holds.
        reader: reads the unpacked file.
        most: bytes at most, unpacked.

    Errors:
        TableError: damaged, too large, or whatever the reader says of it.
    """
    with tempfile.TemporaryDirectory() as place:
        plain = Path(place, file.stem)
        _unpack(file, plain, most)
        try:
            table = reader(plain)
        except TableError as error:
            raise TableError(str(error).replace(str(plain), str(file))) from error
    return table.with_folder(file.absolute().parent)


def _unpack(file: Path, plain: Path, most: int) -> None:
    try:
        with OPENERS[file.suffix.lower()](file) as packed, plain.open("wb") as stream:
            while block := packed.read(_BLOCK):
                if stream.tell() + len(block) > most:
                    break
                stream.write(block)
    except _FAILURES as error:
        if shutil.disk_usage(plain.parent).free < _BLOCK:
            msg = f"{file} cannot be unpacked: the disk of {plain.parent} is full"
        else:
            msg = f"{file} cannot be unpacked ({error}): bring a whole copy of it"
        raise TableError(msg) from error
    if block:
        msg = f"{file} holds more than {most:,} bytes; unpack it, and save it as Parquet"
        raise TableError(msg)
