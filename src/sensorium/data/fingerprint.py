"""The fingerprint of a table's content: equal cells give equal fingerprints, however stored."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from sensorium.data.column import Places, Store

_ROWS_AT_ONCE = 65_536


def of(columns: Mapping[str, Store], index: Places) -> str:
    """Hash names and cells, column by column, with sha256."""
    digest = hashlib.sha256()
    for name, column in columns.items():
        digest.update(json.dumps(["column", name, len(index)]).encode())
        for start in range(0, len(index), _ROWS_AT_ONCE):
            rows = index[start : start + _ROWS_AT_ONCE]
            if isinstance(column, list):
                for place in rows.tolist():
                    digest.update(_cell(column[place]))
            else:
                digest.update(_arrow(column.take(pa.array(rows))))
    return digest.hexdigest()


def _arrow(column: pa.ChunkedArray) -> bytes:
    table = pa.table({"": column}).combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _cell(cell: Any) -> bytes:
    if isinstance(cell, bytes):
        return b"bytes:" + bytes(cell)
    if hasattr(cell, "tobytes") and hasattr(cell, "shape"):
        return b"".join([f"array:{cell.dtype}:{cell.shape}:".encode(), cell.tobytes()])
    if hasattr(cell, "tobytes") and hasattr(cell, "mode"):
        return b"".join([f"picture:{cell.mode}:{cell.size}:".encode(), cell.tobytes()])
    return f"{type(cell).__name__}:{cell!r}".encode()
