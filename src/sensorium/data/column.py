"""One column's storage: an Arrow array where Arrow can hold the cells, else a plain list."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int64

Places = Int64[np.ndarray, " _"]
"""Numbers of rows."""

Store: TypeAlias = pa.ChunkedArray | list[Any]

_FEW = 64
_PLAIN = {bool, int, float, str, bytes, date, datetime, time, timedelta, Decimal}


def store(cells: Sequence[Any]) -> Store:
    """Store cells in Arrow where nothing is lost by it, else as they are.

    Numbers, words, bytes, dates and lists of them go to Arrow. Arrays, pictures, dicts, mixed kinds
    and whole numbers beyond 64 bits stay Python objects. File paths become words.
    """
    plain = [_plain(cell) for cell in cells]
    if not _is_of_one_kind(plain):
        return plain
    try:
        array = pa.array(plain)
    except (pa.ArrowException, ValueError, TypeError, OverflowError, UnicodeError):
        return plain
    return tidy(pa.chunked_array([array]))


def _plain(cell: Any) -> Any:
    if isinstance(cell, Path):
        return str(cell)
    return cell.item() if isinstance(cell, np.generic) else cell


def _is_of_one_kind(cells: Iterable[Any]) -> bool:
    """Tell whether all cells, and all their items, are of one plain kind, or numbers.

    Arrow would make one kind of several (words of bytes, say), and lists of arrays.
    """
    kinds = {type(cell) for cell in cells} - {type(None)}
    if len(kinds) > 1 and kinds != {int, float}:
        return False
    if kinds == {list}:
        return _is_of_one_kind([item for cell in cells if cell is not None for item in cell])
    return kinds <= _PLAIN


def tidy(column: pa.ChunkedArray) -> Store:
    """Turn Arrow kinds that Python has no kin of into ones it has.

    Dictionary columns become their values, decimals floats, timestamps microseconds, spans of time
    seconds; pictures and sounds of Hugging Face ``datasets`` (structs of bytes and path) become
    bytes, or the path.
    """
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return tidy(pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type))
    if pa.types.is_dictionary(kind):
        return tidy(column.cast(kind.value_type))
    if pa.types.is_decimal(kind) or pa.types.is_duration(kind):
        return _floats(column)
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return column.cast(pa.timestamp("us", kind.tz), safe=False)
    if pa.types.is_struct(kind):
        return _media(column) if _names(kind) == {"bytes", "path"} else column.to_pylist()
    return column


def _floats(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_decimal(column.type):
        return column.cast(pa.float64())
    each = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[column.type.unit]
    return pc.divide(column.cast(pa.int64()).cast(pa.float64(), safe=False), each)


def _names(kind: pa.StructType) -> set[str]:
    return {kind.field(place).name for place in range(kind.num_fields)}


def _media(column: pa.ChunkedArray) -> Store:
    data, path = (pc.struct_field(column, name) for name in ("bytes", "path"))
    if data.null_count == len(data):
        return path
    if data.null_count == column.null_count:
        return data
    pairs = zip(data.to_pylist(), path.to_pylist(), strict=True)
    return [found if found is not None else name for found, name in pairs]


def pick(column: Store, index: Places) -> list[Any]:
    """Give some cells of a column as Python objects."""
    if isinstance(column, list):
        return [column[place] for place in index.tolist()]
    if len(index) <= _FEW:
        return [column[place].as_py() for place in index.tolist()]
    if len(index) == len(column) and np.array_equal(index, np.arange(len(column))):
        return list(column.to_pylist())
    return list(column.take(pa.array(index)).to_pylist())


def is_nested(cell: Any) -> bool:
    """Tell whether a cell holds several things: a list, tuple or dict."""
    return isinstance(cell, list | tuple | dict)
