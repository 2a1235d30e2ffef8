"""JSON: one object a line, a list of objects, or an object of lists; faults by line."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sensorium.core.counted import counted
from sensorium.core.errors import TableError, all_at_once
from sensorium.data.readers import encoding as bytes_of
from sensorium.data.readers import records
from sensorium.data.readers.encoding import LineFault
from sensorium.data.split import KNOWN
from sensorium.data.table import Table, stack

_MOST = 20


def load(file: Path, encoding: str | None = None) -> Any:
    """Load a whole JSON file.

    Errors:
        TableError: its bytes are not text, or it is not JSON; names the line.
    """
    encoding = bytes_of.check(file, encoding)
    try:
        return json.loads(file.read_text(encoding), object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        msg = f"{file} is not JSON: {_why(error)}"
        raise TableError(msg) from error


def from_data(data: Any, file: Path, names: Sequence[str] | None = None) -> Table:
    """Make a table of a list of objects, an object of lists (the columns), or a list of lists.

    Columns whose cells are keyed by the row, as pandas writes them by default, are columns, too.
    An object of train, valid and test lists becomes one table with a column ``split``.

    Args:
        data: what the file held.
        file: the file.
        names: the columns' names, if the rows are lists.

    Errors:
        TableError: it is no table.
    """
    if isinstance(data, Mapping) and data and all(isinstance(v, list) for v in data.values()):
        if {str(name).lower() for name in data} <= KNOWN.keys():
            parts = [from_data(rows, file, names) for rows in data.values()]
            split = [name for name, rows in data.items() for _ in rows]
            return stack(parts).with_column("split", split)
        return records.from_columns(data, file.parent)
    if isinstance(data, Mapping) and (columns := _by_index(data)):
        return records.from_columns(columns, file.parent)
    if isinstance(data, Mapping):
        data = [data]
    if not isinstance(data, list):
        msg = f"{file} is no list of objects, one a row: it holds {str(data)[:40]!r}"
        raise TableError(msg)
    if data and all(isinstance(row, list) for row in data):
        data = _named(data, names, file)
    return records.from_rows(data, file.parent, str(file))


def _by_index(data: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Give the columns of an object of objects that have the same keys, all numbers, else none."""
    cells = list(data.values())
    if not cells or not all(isinstance(column, Mapping) for column in cells):
        return {}
    keys = list(cells[0])
    if not all(map(str.isdigit, keys)) or any(list(column) != keys for column in cells):
        return {}
    return {name: list(column.values()) for name, column in data.items()}


def _named(rows: list[list[Any]], names: Sequence[str] | None, file: Path) -> list[dict[str, Any]]:
    if names is None:
        msg = f"the rows of {file} are lists without names; give the columns' names, names=[...]"
        raise TableError(msg)
    odd = [
        f"row {i}: {counted(len(row), 'cell')}"
        for i, row in enumerate(rows)
        if len(row) != len(names)
    ]
    if odd:
        raise TableError(all_at_once(f"{file}: {counted(len(names), 'name')}, but", odd[:_MOST]))
    return [dict(zip(names, row, strict=True)) for row in rows]


def read_lines(file: Path, encoding: str | None = None) -> Table:
    """Read JSON lines: one object a line; blank lines are passed over.

    Errors:
        TableError: names every line that is no JSON object.
    """
    encoding = bytes_of.check(file, encoding)
    rows: list[Any] = []
    faults: list[LineFault] = []
    with file.open(encoding=encoding) as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                _read_line(number, line, rows, faults)
    if faults:
        lines = [str(fault) for fault in faults[:_MOST]]
        lines += [f"and {counted(len(faults) - _MOST, 'more line')}"] * (len(faults) > _MOST)
        raise TableError(all_at_once(f"{file} cannot be read as JSON lines:", lines))
    if not rows:
        msg = f"{file} is empty: it has no rows"
        raise TableError(msg)
    return records.from_rows(rows, file.parent, str(file))


def _read_line(number: int, line: str, rows: list[Any], faults: list[LineFault]) -> None:
    try:
        row = json.loads(line, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        faults.append(LineFault(number, _why(error)))
        return
    if isinstance(row, Mapping):
        rows.append(row)
    else:
        faults.append(LineFault(number, f"not an object {{...}} but of type {type(row).__name__}"))


def is_lines(file: Path, encoding: str | None = None) -> bool:
    """Tell whether the first line that is not blank is an object of its own."""
    encoding = bytes_of.check(file, encoding)
    with file.open(encoding=encoding) as stream:
        for line in stream:
            if line.strip():
                try:
                    return isinstance(json.loads(line), Mapping)
                except (ValueError, RecursionError):
                    return False
    return False


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        msg = f"the same name twice in one object: {', '.join(map(repr, twice))}"
        raise ValueError(msg)
    return found


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        where = f"line {error.lineno}, column {error.colno}: " if error.lineno > 1 else ""
        return f"not JSON ({where}{error.msg}, at {error.doc[error.pos : error.pos + 20]!r})"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error)
