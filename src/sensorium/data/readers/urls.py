"""Downloading the pictures and sounds that cells name by URL; only when it is asked for."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from sensorium.core.counted import counted
from sensorium.core.errors import TableError
from sensorium.core.faults import Fault, Ledger
from sensorium.core.schema import Schema
from sensorium.data import media_kind
from sensorium.data.table import Table

SECONDS = 30
"""A server that is silent so long has failed."""

MOST_BYTES = 64 << 20
"""A larger file is refused."""

_THREADS = 8


def download(table: Table, schema: Schema | None = None) -> Table:
    """Replace URLs in media columns by the bytes they name.

    Args:
        table: the table.
        schema: tells the media columns; without it they are the columns all of whose cells are
            URLs, most with a picture's or sound's suffix.

    Errors:
        TableError: names every row whose file did not come.
    """
    ledger = Ledger()
    bare = table.with_schema(None)
    for name in bare.columns:
        cells = bare.cells(name)
        if _is_media(name, cells, schema):
            table = table.with_column(name, _fetched(table, name, cells, ledger))
    if ledger:
        msg = (
            f"{counted(len(ledger), 'file')} could not be downloaded; empty these cells or "
            f"leave the rows out:\n{ledger.message()}"
        )
        raise TableError(msg, list(ledger))
    return table


def is_url(cell: Any) -> bool:
    """Tell whether a cell is a web address."""
    return isinstance(cell, str) and cell[:8].lower().startswith(("http://", "https://"))


def _is_media(name: str, cells: Sequence[Any], schema: Schema | None) -> bool:
    if schema is not None and name in schema.fields:
        return schema.fields[name].media and any(map(is_url, cells))
    known = [cell for cell in cells if cell]
    suffixed = [cell for cell in known if is_url(cell) and media_kind.by_suffix(cell)]
    return all(map(is_url, known)) and 2 * len(suffixed) > len(known)


def _fetched(table: Table, name: str, cells: Sequence[Any], ledger: Ledger) -> list[Any]:
    with ThreadPoolExecutor(_THREADS) as threads:
        found = list(threads.map(lambda cell: _fetch(cell) if is_url(cell) else cell, cells))
    for row, cell, got in zip(table.row_ids, cells, found, strict=True):
        if isinstance(got, Exception):
            ledger.add(Fault(row, name, f"{type(got).__name__}: {got}", file=cell))
    return found


def _fetch(url: str) -> bytes | Exception:
    request = Request(url, headers={"User-Agent": "sensorium"})  # noqa: S310 - http(s) only
    try:
        with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
            data: bytes = answer.read(MOST_BYTES + 1)
    except HTTPError as error:
        error.close()
        return error
    except (OSError, HTTPException, ValueError) as error:
        return error
    if len(data) > MOST_BYTES:
        return ValueError(f"more than {MOST_BYTES:,} bytes")
    return data or ValueError("an empty answer")
