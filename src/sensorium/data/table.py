"""The table: named columns of raw cells, and views of its rows that copy nothing.

A column is an Arrow array where Arrow can hold it, else a plain list (arrays, PIL pictures, nested
dicts). Taking, slicing and splitting only make a new index over the same columns. A table knows
where cells lie; it does not know how pictures, sounds or numbers are read.
"""

import json
import operator
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.core.counted import counted
from sensorium.core.errors import SchemaError, TableError, all_at_once, nearest
from sensorium.core.schema import Date, Schema
from sensorium.data import fingerprint, split
from sensorium.data.column import Places, Store, pick, store

Row = dict[str, Any]
"""One row: cells by column name; a missing cell is None, NaN, or no key at all."""

_ROWS_AT_ONCE = 1_024
_MOST_LINES = 20


class Table:
    """Rows of raw cells.

    Args:
        columns: the whole columns by name, all of one length.
        schema: which columns go in and out, if that is known yet.
        folder: where relative file names of media cells start; None means the working directory.
        index: the rows that this table shows, by their number in ``columns``; None shows all.

    Errors:
        TableError: columns of different lengths.
    """

    def __init__(
        self,
        columns: Mapping[str, Store],
        *,
        schema: Schema | None = None,
        folder: Path | None = None,
        index: Places | None = None,
    ) -> None:
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            lines = [f"column {n!r} has {counted(length, 'row')}" for n, length in lengths.items()]
            title = "The columns have different lengths:"
            raise TableError(all_at_once(title, lines[:_MOST_LINES]))
        self._columns = dict(columns)
        self._index = np.arange(max(lengths.values(), default=0)) if index is None else index
        self.schema = schema
        self.folder = None if folder is None else folder.absolute()

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(self._columns)

    @cached_property
    def row_ids(self) -> tuple[int, ...]:
        """The row numbers in the source, counted from 0; kept through take, slice and split."""
        return tuple(self._index.tolist())

    @cached_property
    def fingerprint(self) -> str:
        """The sha256 of names and cells (files that cells name are not opened)."""
        return fingerprint.of(self._columns, self._index)

    def __len__(self) -> int:
        return len(self._index)

    def __repr__(self) -> str:
        names = ", ".join(self.columns)
        return f"<Table of {counted(len(self), 'row')}: {names}>"

    def __getitem__(self, row: int | str | slice) -> Row:
        if isinstance(row, slice):
            msg = (
                "table[0] is a row; several rows are table.slice(start, stop) or table.take([...])"
            )
            raise TableError(msg)
        if isinstance(row, str):
            msg = f"table[0] is a row; the column {row!r} is table.cells({row!r})"
            raise TableError(msg)
        place = operator.index(row)
        if not -len(self) <= place < len(self):
            msg = f"row {place} of a table of {counted(len(self), 'row')}"
            raise IndexError(msg)
        return self._rows(self._index[[place]])[0]

    def __iter__(self) -> Iterator[Row]:
        for start in range(0, len(self), _ROWS_AT_ONCE):
            yield from self._rows(self._index[start : start + _ROWS_AT_ONCE])

    def cells(self, name: str) -> list[Any]:
        """Give the raw cells of one column.

        String cells of the schema's media columns become absolute paths, unless they are data:
        URIs or http(s) URLs. A column that the schema names and the table lacks is all None.

        Errors:
            TableError: no such column.
        """
        return self._cells(name, self._index)

    def take(self, indices: Sequence[int] | Places) -> "Table":
        """Show some rows, by their place in this table (not by row id)."""
        places = np.asarray(indices, dtype=np.int64).reshape(-1)
        return self._view(self._index[places])

    def slice(self, start: int, stop: int) -> "Table":
        """Show the rows from ``start`` up to, but not with, ``stop``."""
        return self._view(self._index[start:stop])

    def with_schema(self, schema: Schema | None, *, partial: bool = False) -> "Table":
        """Show the same rows under another schema.

        Args:
            schema: the schema; None takes it away.
            partial: let the schema name columns that the table lacks; their cells are missing.

        Errors:
            SchemaError: columns that the table lacks, all of them named.
        """
        names = [] if schema is None else [*schema.fields, *filter(None, [schema.group])]
        lost = [f"{name!r}{nearest(name, self._columns)}" for name in names if name not in self]
        if lost and not partial:
            raise SchemaError(all_at_once("The table lacks columns that the schema names:", lost))
        return Table(self._columns, schema=schema, folder=self.folder, index=self._index)

    def with_folder(self, folder: Path) -> "Table":
        """Show the same rows with relative file names starting at another folder."""
        return Table(self._columns, schema=self.schema, folder=folder, index=self._index)

    def with_column(self, name: str, cells: Sequence[Any]) -> "Table":
        """Add or replace a column: one cell for each row shown."""
        if len(cells) != len(self):
            own = counted(len(cells), "cell")
            msg = f"column {name!r} has {own}, the table {counted(len(self), 'row')}"
            raise TableError(msg)
        whole: list[Any] = [None] * (int(self._index.max()) + 1 if len(self) else 0)
        for place, cell in zip(self._index.tolist(), cells, strict=True):
            whole[place] = cell
        count = max(map(len, self._columns.values()), default=len(whole))
        whole += [None] * (count - len(whole))
        columns = {**self._columns, name: whole}
        return Table(columns, schema=self.schema, folder=self.folder, index=self._index)

    def explode(self, name: str) -> "Table":
        """Make one row of each item of a column of lists; the other cells are repeated.

        A list may be written as JSON, as CSV needs it. Rows whose cell is missing or an empty list
        are left out; row ids are counted anew.

        Errors:
            TableError: a cell that is no list, or no item at all.
        """
        cells = [listed(cell) for cell in self.with_schema(None).cells(name)]
        odd = [row for row, cell in enumerate(cells) if not isinstance(cell, list | tuple | None)]
        if odd:
            rows = counted(len(odd), "row")
            msg = f"column {name!r} holds no list in {rows}, the first is row {odd[0]}"
            raise TableError(msg)
        items = [item for cell in cells for item in cell or ()]
        if not items:
            msg = f"column {name!r} holds no items"
            raise TableError(msg)
        places = np.repeat(self._index, [len(cell or ()) for cell in cells])
        columns = {n: store(pick(column, places)) for n, column in self._columns.items()}
        return Table({**columns, name: store(items)}, schema=self.schema, folder=self.folder)

    def __contains__(self, name: object) -> bool:
        """Tell whether there is such a column."""
        return name in self._columns

    def split(
        self,
        *shares: float,
        seed: int = 0,
        by: str | None = None,
        group: str | None = None,
        stratify: str | None = None,
        time: str | None = None,
    ) -> "tuple[Table, ...]":
        """Split the rows into parts, such as train, valid and test.

        Args:
            shares: the share of each part, such as ``0.8, 0.1, 0.1``; they add up to 1.
            seed: which random split.
            by: a column that names the parts itself (train, valid or dev or val, test); gives the
                parts that it has, in this order. No shares then.
            group: a column whose equal values are never split apart; the schema's by default.
            stratify: a column whose values keep their proportions in every part.
            time: a column to order the rows by: the first part is the earliest. Dates in words
                are read first, in the schema's form or the one that they have.

        Errors:
            TableError: shares, columns or counts with which this cannot be done.
        """
        return tuple(
            self.take(part)
            for part in split.parts(
                self,
                shares,
                split.Ways(
                    seed=seed,
                    by=by,
                    group=group or (self.schema.group if self.schema and by is None else None),
                    stratify=stratify,
                    time=time,
                    form=self._form(time),
                ),
            )
        )

    def _form(self, time: str | None) -> str | None:
        """Give the form of a column's dates, if the schema says that it holds dates."""
        field = self.schema.fields.get(time) if self.schema and time else None
        return field.form if isinstance(field, Date) else None

    def _view(self, index: Places) -> "Table":
        return Table(self._columns, schema=self.schema, folder=self.folder, index=index)

    def _rows(self, index: Places) -> list[Row]:
        cells = [self._cells(name, index) for name in self._columns]
        return [dict(zip(self._columns, row, strict=True)) for row in zip(*cells, strict=True)]

    def _cells(self, name: str, index: Places) -> list[Any]:
        if name not in self._columns:
            if self.schema is not None and name in self.schema.fields:
                return [None] * len(index)
            msg = f"the table has no column {name!r}{nearest(name, self._columns)}"
            raise TableError(msg)
        cells = pick(self._columns[name], index)
        field = None if self.schema is None else self.schema.fields.get(name)
        if field is not None and field.media:
            return [located(cell, self.folder) for cell in cells]
        return cells


def listed(cell: Any) -> Any:
    """Read a list that is written as JSON; any other cell stays as it is."""
    if not (isinstance(cell, str) and cell.startswith("[") and cell.endswith("]")):
        return cell or None if isinstance(cell, str) else cell
    try:
        return json.loads(cell)
    except ValueError:
        return cell


def located(cell: Any, folder: Path | None) -> Any:
    """Turn the file name in a media cell into an absolute path; other cells stay as they are.

    Args:
        cell: a raw cell of a media column.
        folder: where relative names start; None means the working directory.
    """
    if isinstance(cell, str) and is_file_name(cell):
        cell = Path(cell)
    if isinstance(cell, Path):
        return (folder or Path.cwd()) / cell
    return None if isinstance(cell, str) and not cell else cell


def is_file_name(cell: str) -> bool:
    """Tell whether a media cell names a file: no data: URI, no URL, no JSON list, not empty."""
    return bool(cell) and not cell.startswith(("data:", "http://", "https://", "["))


def stack(tables: Sequence[Table]) -> Table:
    """Put tables of the same columns one under another; row ids are counted anew.

    Errors:
        TableError: the columns differ.
    """
    first, *others = tables
    for other in others:
        if set(other.columns) != set(first.columns):
            odd = sorted(set(other.columns) ^ set(first.columns))
            msg = f"tables of different columns cannot be stacked; not in all: {odd}"
            raise TableError(msg)
    columns = {
        name: store([cell for table in tables for cell in table.cells(name)])
        for name in first.columns
    }
    return Table(columns, schema=first.schema, folder=first.folder)
