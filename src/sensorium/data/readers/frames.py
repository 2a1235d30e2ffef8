"""Tables of other libraries: pandas, polars, Arrow and Hugging Face ``datasets``.

None of them is imported here: an object of theirs brings what is needed.
"""

import math
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from sensorium.core.counted import counted
from sensorium.core.errors import TableError
from sensorium.data.column import Store, store, tidy
from sensorium.data.readers import columnar
from sensorium.data.table import Table, stack

MOST_WHOLE = 2**53
"""Floats of 64 bits hold every whole number below this."""


def library(source: Any) -> str:
    """Name the library that an object's class comes from."""
    return type(source).__module__.partition(".")[0]


def from_pandas(frame: Any) -> Table:
    """Read a pandas DataFrame; its index is left out.

    Periods become the moment they begin at, intervals their text. Whole numbers with gaps, which
    pandas keeps as floats, become whole numbers again, as a file holds them.

    Errors:
        TableError: no DataFrame, no rows, or columns of the same name.
    """
    if not hasattr(frame, "columns"):
        kind = f"pandas {type(frame).__name__}"
        msg = f"a {kind} is no table; give a DataFrame: series.to_frame(), with a name"
        raise TableError(msg)
    names = [str(name) for name in frame.columns]
    _check_names(names, len(frame))
    columns: dict[str, Store] = {}
    for place, name in enumerate(names):
        series = _usual(frame.iloc[:, place])
        if series.dtype == object:
            columns[name] = store([None if _is_na(cell) else cell for cell in series.tolist()])
        else:
            columns[name] = tidy(_chunked(pa.Array.from_pandas(series)))
    return Table(columns)


def _usual(series: Any) -> Any:
    """Turn dtypes that only pandas knows into ones with a kin in Arrow."""
    of = getattr(getattr(series.dtype, "categories", None), "dtype", series.dtype)
    if type(of).__name__ == "PeriodDtype":
        return series.astype(of).dt.to_timestamp()
    if type(of).__name__ == "IntervalDtype":
        return series.astype("string") if of is series.dtype else series.cat.rename_categories(str)
    if of == "float64" and of is series.dtype and series.hasnans:
        known = series.dropna()
        if len(known) and (known.abs() < MOST_WHOLE).all() and (known % 1 == 0).all():
            return series.astype("Int64")
    return series


def _chunked(array: Any) -> pa.ChunkedArray:
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _is_na(cell: Any) -> bool:
    nan = isinstance(cell, float) and math.isnan(cell)
    return nan or type(cell).__name__ in ("NAType", "NaTType")


def from_polars(frame: Any) -> Table:
    """Read a polars DataFrame (or LazyFrame, which is collected).

    Errors:
        TableError: no rows.
    """
    if hasattr(frame, "collect"):
        frame = frame.collect()
    _check_names(list(frame.columns), len(frame))
    columns: dict[str, Store] = {}
    for name in frame.columns:
        series = frame[name]
        if type(series.dtype).__name__ == "Object":
            columns[name] = store(series.to_list())
        else:
            columns[name] = tidy(_chunked(series.to_arrow()))
    return Table(columns)


def _check_names(names: list[str], rows: int) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"the table has several columns of the same name: {twice}; rename them"
        raise TableError(msg)
    if not rows or not names:
        msg = (
            f"the table is empty: it has {counted(rows, 'row')} and {counted(len(names), 'column')}"
        )
        raise TableError(msg)


def from_datasets(source: Any) -> Table:
    """Read a Hugging Face Dataset, or a DatasetDict (its keys become a column ``split``).

    Pictures and sounds stay undecoded: bytes, or a path. Class numbers become their names.

    Errors:
        TableError: a streaming dataset, or no rows.
    """
    if isinstance(source, Mapping):
        parts = [from_datasets(part).with_column("split", [name] * len(part))
                 for name, part in source.items()]  # fmt: skip
        if not parts:
            msg = "the table is empty: the DatasetDict has no parts"
            raise TableError(msg)
        return stack(parts)
    if not hasattr(source, "with_format") or not hasattr(source, "__len__"):
        msg = "a streaming dataset has no length; take rows of it first: list(dataset.take(1000))"
        raise TableError(msg)
    table = columnar.from_arrow(source.with_format("arrow")[:], name="the dataset")
    for name, feature in source.features.items():
        inner = getattr(feature, "feature", feature)
        if hasattr(inner, "names") and hasattr(inner, "int2str"):
            table = table.with_column(name, [_named(c, inner.names) for c in table.cells(name)])
    return table


def _named(cell: Any, names: list[str]) -> Any:
    if isinstance(cell, list):
        return [_named(item, names) for item in cell]
    return names[cell] if cell is not None and 0 <= cell < len(names) else None
