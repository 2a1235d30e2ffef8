"""Rows as users hand them over: one, several, or a whole table of any kind that ``read`` reads."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sensorium.core.schema import Schema
from sensorium.data import Table, read
from sensorium.model.answers import Row, check_rows


def rows_of(given: Any, schema: Schema) -> Sequence[Row]:
    """Give the rows that are meant.

    Args:
        given: a row, a list of rows, a ``Table``, a pandas or polars frame, an Arrow table, a
            Hugging Face dataset, a table's file; or one of these in a list of its own.
        schema: the model's; tells which cells of a table name files, which start at its folder.

    Errors:
        TableError: a table that cannot be read, or what is neither a row nor a table.
    """
    if _is_list(given) and len(given) == 1 and (_is_list(given[0]) or _is_table(given[0])):
        given = given[0]
    if isinstance(given, Mapping):
        return [given]
    if _is_table(given):
        return list(read(given).with_schema(schema, partial=True))
    rows = given if _is_list(given) else [given]
    check_rows(rows)
    return list(rows)


def _is_list(given: Any) -> bool:
    return isinstance(given, Sequence) and not isinstance(given, str | bytes)


def _is_table(given: Any) -> bool:
    """Tell whether it is a table: ours, a file, or what other libraries call so."""
    if isinstance(given, str | Path | Table):
        return True
    frames = hasattr(given, "columns") or hasattr(given, "column_names")
    return frames and not isinstance(given, Mapping)
