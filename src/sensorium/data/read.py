"""``read``: one door for every source; chooses the reader by type, suffix and content."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sensorium.core.errors import TableError
from sensorium.core.schema import Schema
from sensorium.data.readers import delimited, records
from sensorium.data.table import Table


def read(
    source: Any,
    schema: Schema | None = None,
    *,
    folder: Path | str | None = None,
    encoding: str | None = None,
    names: Sequence[str] | None = None,
) -> Table:
    """Read a table.

    Args:
        source: a file, a list of dicts, a dict of lists, or a table.
        schema: which columns go in and out.
        folder: where relative file names in cells start; the table file's own folder by default.
        encoding: a text file's encoding; UTF-8 by default.
        names: the columns' names, for a file without a header line.

    Errors:
        TableError: names every fault that was found.
    """
    place = None if folder is None else Path(folder)
    table = _table(source, encoding, names)
    if place is not None:
        table = table.with_folder(place)
    return table if schema is None else table.with_schema(schema)


def _table(source: Any, encoding: str | None, names: Sequence[str] | None) -> Table:
    if isinstance(source, Table):
        return source
    if isinstance(source, str | Path):
        return delimited.read(Path(source), encoding, names)
    if isinstance(source, Mapping):
        return records.from_columns(source)
    if isinstance(source, Sequence):
        return records.from_rows(source)
    msg = f"a {type(source).__name__} is no table"
    raise TableError(msg)
