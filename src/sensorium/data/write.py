"""Writing tables: CSV, TSV, JSON lines, Parquet or Arrow, by the file's suffix."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv, feather, parquet

from sensorium.core.errors import TableError


def to_text(table: pa.Table, delimiter: str = ",") -> str:
    """Write a table as CSV text; lists and dicts become JSON in their cell."""
    sink = io.BytesIO()
    csv.write_csv(_flat(table), sink, csv.WriteOptions(delimiter=delimiter))
    return sink.getvalue().decode()


def to_file(table: pa.Table, file: Path) -> None:
    """Write a table to a file whose suffix tells the form; the file appears only when whole.

    Errors:
        TableError: an unknown suffix, or no such folder.
    """
    write = _WRITERS.get(file.suffix.lower())
    if write is None:
        msg = f"cannot write {file}: the suffix must be one of {', '.join(_WRITERS)}"
        raise TableError(msg)
    if not file.absolute().parent.is_dir():
        msg = f"cannot write {file}: there is no folder {file.absolute().parent}"
        raise TableError(msg)
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        write(table, aside)
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)


def _flat(table: pa.Table) -> pa.Table:
    """Turn columns that CSV has no form for into words."""
    columns = {}
    for name in table.column_names:
        column = table[name]
        if pa.types.is_nested(column.type):
            cells = (None if cell is None else _json(cell) for cell in column.to_pylist())
            column = pa.array(cells, pa.string())
        columns[name] = column
    return pa.table(columns)


def _json(cell: Any) -> str:
    return json.dumps(cell, ensure_ascii=False, default=str)


def _lines(table: pa.Table, file: Path) -> None:
    with file.open("w", encoding="utf-8") as stream:
        for batch in table.to_batches(max_chunksize=1_024):
            stream.writelines(_json(row) + "\n" for row in batch.to_pylist())


_WRITERS: dict[str, Callable[[pa.Table, Path], None]] = {
    ".csv": lambda table, file: _text(table, file, ","),
    ".tsv": lambda table, file: _text(table, file, "\t"),
    ".jsonl": _lines,
    ".parquet": parquet.write_table,
    ".arrow": lambda table, file: feather.write_feather(table, str(file), "uncompressed"),
    ".feather": lambda table, file: feather.write_feather(table, str(file), "uncompressed"),
}


def _text(table: pa.Table, file: Path, delimiter: str) -> None:
    file.write_text(to_text(table, delimiter), encoding="utf-8", newline="")
