"""Parquet, Arrow and Feather files, Arrow tables in memory, and NumPy's .npz archives."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from sensorium.core.counted import counted
from sensorium.core.errors import TableError, all_at_once
from sensorium.data.column import tidy
from sensorium.data.readers import records
from sensorium.data.table import Table


def read_parquet(file: Path) -> Table:
    """Read a Parquet file.

    Errors:
        TableError: it is damaged, or no Parquet.
    """
    try:
        table = parquet.read_table(file, memory_map=True, partitioning=None)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(file, "Parquet", error) from error
    return from_arrow(table, file.parent, str(file))


def read_arrow(file: Path) -> Table:
    """Read an Arrow or Feather file, in either form (file or stream), mapped and not copied.

    Errors:
        TableError: it is damaged, or no Arrow.
    """
    try:
        source = pa.memory_map(str(file))
        try:
            table = pa.ipc.open_file(source).read_all()
        except pa.ArrowInvalid:
            source.seek(0)
            table = pa.ipc.open_stream(source).read_all()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(file, "Arrow", error) from error
    return from_arrow(table, file.parent, str(file))


def from_arrow(source: Any, folder: Path | None = None, name: str = "the table") -> Table:
    """Take the columns of an Arrow table, record batch or dataset.

    Errors:
        TableError: no rows, or two columns of one name.
    """
    if isinstance(source, pa.RecordBatch):
        table = pa.Table.from_batches([source])
    else:
        table = source.to_table() if hasattr(source, "to_table") else source
    if not isinstance(table, pa.Table):
        msg = f"an Arrow object of type {type(source).__name__} is no table"
        raise TableError(msg)
    names = [str(column) for column in table.column_names]
    twice = [f"column {n!r}, {names.count(n)} times" for n in dict.fromkeys(names)
             if names.count(n) > 1]  # fmt: skip
    if twice:
        raise TableError(all_at_once(f"{name} has columns of the same name; rename them:", twice))
    if not table.num_rows or not names:
        msg = (
            f"{name} is empty: it has {counted(table.num_rows, 'row')} and "
            f"{counted(len(names), 'column')}"
        )
        raise TableError(msg)
    return Table({n: tidy(table.column(i)) for i, n in enumerate(names)}, folder=folder)


def read_npz(file: Path) -> Table:
    """Read a NumPy archive: one array a column, its first axis the rows.

    Arrays named by part (train_images, val_images, ...) are put under each other, with a column
    ``split``. Archives that hold Python objects are refused: they could run code.

    Errors:
        TableError: damaged, Python objects, or arrays of different lengths.
    """
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, MemoryError) as error:
        raise _damaged(file, "a NumPy archive", error) from error
    parts = _by_part(arrays)
    if parts:
        arrays = {
            name: np.concatenate([part[name] for part in parts.values()])
            for name in next(iter(parts.values()))
        }
        counts = [len(next(iter(part.values()))) for part in parts.values()]
        arrays["split"] = np.repeat(list(parts), counts)
    return records.from_columns({name: _flat(array) for name, array in arrays.items()}, file.parent)


def _by_part(arrays: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Group arrays named PART_NAME by part; empty if they are not all named so, and alike."""
    parts: dict[str, dict[str, Any]] = {}
    for name, array in arrays.items():
        part, _, rest = name.partition("_")
        if part not in ("train", "val", "valid", "test") or not rest:
            return {}
        parts.setdefault(part, {})[rest] = array
    return parts if len({frozenset(part) for part in parts.values()}) == 1 else {}


def _flat(array: Any) -> Any:
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _damaged(file: Path, form: str, error: Exception) -> TableError:
    return TableError(f"{file} cannot be read as {form}: {str(error)[:200]}")
