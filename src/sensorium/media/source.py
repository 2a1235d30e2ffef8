"""Where a cell's bytes are: a path, the bytes themselves, or a data: URI; knows no formats.

Only regular files are opened: a table that names a device, a pipe or a folder gets a fault, and
nothing is ever fetched from the network here.
"""

import base64
import binascii
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from sensorium.core.errors import CellError

MOST_BYTES = 256 * 2**20
"""A picture or signal file of more bytes than this is refused."""


def locate(cell: Any) -> Path | bytes | None:
    """Find out where a cell's content is.

    Args:
        cell: a path, a file name, bytes, a ``data:`` URI, or a dict with ``bytes`` and ``path``
            as Hugging Face's ``datasets`` gives it.

    Returns:
        A path to a regular file that is not empty, or bytes; None when the cell is none of these
        (an array, say).

    Errors:
        CellError: there is no such file, or it is empty, or it is not a file, or a bad URI.
    """
    if isinstance(cell, bytes | bytearray | memoryview):
        if not len(cell):
            raise CellError("empty content (0 bytes)", "give the file's content, or None")
        return bytes(cell)
    if isinstance(cell, Path):
        return _regular(cell)
    if isinstance(cell, Mapping) and {"bytes", "path"} & set(cell):
        inner = cell.get("path") if cell.get("bytes") is None else cell["bytes"]
        return None if isinstance(inner, Mapping) else locate(inner)
    if not isinstance(cell, str):
        return None
    if cell[:5].lower() == "data:":
        return _from_uri(cell)
    if cell[:8].lower().startswith(("http://", "https://")):
        raise CellError(
            f"a web address, {cell[:100]}",
            "pass urls=True to sensorium.read (--urls) to download it",
        )
    return _regular(Path(cell))


def load(source: Path | bytes, most: int = MOST_BYTES) -> bytes:
    """Read the bytes of what ``locate`` found.

    Errors:
        CellError: more than ``most`` bytes, or the file cannot be read.
    """
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size > most:
        raise CellError(
            f"{size:,} bytes, more than the {most:,} that are allowed", "make the file smaller"
        )
    if isinstance(source, bytes):
        return source
    try:
        return source.read_bytes()
    except OSError as error:
        raise CellError(_why(error), "check the file and its permissions") from error


def file_named(cell: Any) -> str:
    """Name the file that a cell points to; "" when it points to none."""
    if isinstance(cell, Mapping):
        cell = cell.get("path")
    if isinstance(cell, Path):
        return str(cell)
    if isinstance(cell, str) and cell[:5].lower() != "data:":
        return cell[:500]
    return ""


def _regular(path: Path) -> Path:
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise CellError("no such file", "correct the path, or leave the cell empty") from error
    except (OSError, ValueError) as error:
        raise CellError(_why(error), "correct the path") from error
    if stat.S_ISDIR(status.st_mode):
        raise CellError("a folder, not a file", "name one file a cell")
    if not stat.S_ISREG(status.st_mode):
        raise CellError("a device or pipe, not a regular file", "name a regular file")
    if status.st_size == 0:
        raise CellError("an empty file (0 bytes)", "restore the file, or leave the cell empty")
    return path


def _from_uri(uri: str) -> bytes:
    head, comma, body = uri.partition(",")
    if not comma:
        raise CellError("a data: URI without a comma", "write data:image/png;base64,...")
    if not head.lower().endswith(";base64"):
        data = unquote_to_bytes(body)
    else:
        try:
            data = base64.b64decode(unquote_to_bytes(body), validate=True)
        except (binascii.Error, ValueError) as error:
            raise CellError(
                f"a data: URI that is not base64 ({error})", "encode it again"
            ) from error
    if not data:
        raise CellError("a data: URI of 0 bytes", "give the file's content, or None")
    return data


def _why(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"a file that cannot be opened ({reason})"
