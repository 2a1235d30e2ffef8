"""Rows as users hand them over: one, several, or a whole table of any kind that ``read`` reads."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sensorium.core.schema import Category, Date, Field, Flag, Number, Schema, Text
from sensorium.data import Table, read
from sensorium.model.answers import Row, check_rows


def rows_of(given: Any, schema: Schema) -> Sequence[Row]:
    """Give the rows that are meant.

    Args:
        given: a row, a list of rows, a ``Table``, a pandas or polars frame, an Arrow table, a
            Hugging Face dataset, a dict of columns, a table's file; or one of these in a list of
            its own. Columns that numbers name, as pandas does without a header, are named by their
            digits.
        schema: the model's; tells which cells of a table name files, which start at its folder.

    Errors:
        TableError: a table that cannot be read, or what is neither a row nor a table.
    """
    if _is_list(given) and len(given) == 1 and not isinstance(given[0], bytes):
        given = given[0]
    if isinstance(given, Mapping) and _is_columns(given, schema):
        given = read(given)
    if _is_table(given):
        if not isinstance(given, str) and hasattr(given, "__len__") and not len(given):
            return []
        return list(read(given).with_schema(schema, partial=True))
    rows = given if _is_list(given) else [given]
    check_rows(rows)
    return [{str(name): cell for name, cell in row.items()} for row in rows]


def _is_list(given: Any) -> bool:
    return isinstance(given, Sequence) and not isinstance(given, str | bytes)


def _is_table(given: Any) -> bool:
    """Tell whether it is a table: ours, a file, or what other libraries call so."""
    if isinstance(given, str | Path | Table):
        return True
    if hasattr(given, "collect_schema"):  # a lazy polars frame, whose columns are costly to list
        return True
    frames = hasattr(given, "columns") or hasattr(given, "column_names")
    return frames and not isinstance(given, Mapping)


def _is_columns(given: Mapping[Any, Any], schema: Schema) -> bool:
    """Tell whether a dict holds columns, not cells: lists where a cell is one word or number."""
    single = {str(n): cell for n, cell in given.items() if _is_single(schema.inputs.get(str(n)))}
    return bool(single) and all(
        hasattr(cells, "__len__")
        and not isinstance(cells, str | bytes | Mapping)
        and getattr(cells, "ndim", 1)
        for cells in single.values()
    )


def _is_single(field: Field | None) -> bool:
    if isinstance(field, Category):
        return not field.many
    return isinstance(field, Number | Flag | Date | Text)
