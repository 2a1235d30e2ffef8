"""What scikit-learn's users hold (arrays, frames, lists of dicts) as a table with a schema."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.counted import counted
from sensorium.core.errors import TableError
from sensorium.core.schema import Field, Number, Schema, Vector
from sensorium.data import Table, infer, read
from sensorium.data.sample import parsed_number

WIDE = 64
"""An array of more columns than this is read as one vector a row: one encoder, not hundreds."""
VECTOR = "x"


def is_rows(X: Any) -> bool:  # noqa: N803 - scikit-learn's name
    """Tell a table or a list of dicts from what scikit-learn itself can check."""
    if isinstance(X, Table):
        return True
    return isinstance(X, list | tuple) and bool(X) and isinstance(X[0], Mapping)


def is_frame(X: Any) -> bool:  # noqa: N803
    """Tell a data frame (pandas, polars) from an array."""
    return hasattr(X, "columns") and not isinstance(X, Table)


def refuse_words(X: Any) -> None:  # noqa: N803
    """Refuse an array that holds words: only columns with names say what they are.

    Errors:
        TableError: names the first word; or X is a dict or a file's name.
    """
    if isinstance(X, Mapping | str | Path) and not hasattr(X, "shape"):
        kind = "dict" if isinstance(X, Mapping) else "file's name"
        msg = f"X is a {kind}; give a DataFrame, a list of dicts, or sensorium.read(...) of it"
        raise TableError(msg)
    if getattr(getattr(X, "dtype", None), "kind", "O") not in "OUST":
        return
    for row, cells in enumerate(X if hasattr(X, "__len__") else ()):
        one = isinstance(cells, str)
        for place, cell in enumerate([cells] if one or not hasattr(cells, "__len__") else cells):
            if isinstance(cell, str) and parsed_number(cell) is None:
                where = f"row {row}" if one else f"row {row}, column {place}"
                msg = (
                    f"X is an array with words ({where}: {cell[:40]!r}); give a DataFrame, in "
                    'which each column has a name (set_output(transform="pandas") in a pipeline)'
                )
                raise TableError(msg)


def from_objects(X: Any, folder: Path | str | None) -> Table:  # noqa: N803
    """Read a frame, a list of dicts or a table."""
    table = read(list(X) if isinstance(X, tuple) else X)
    return table if folder is None else table.with_folder(Path(folder))


def from_array(array: NDArray[Any], names: Sequence[str] | None) -> Table:
    """Read an array of numbers, [rows columns]: a column each, or one vector a row when wide.

    Errors:
        TableError: a wide array with gaps.
    """
    if array.shape[1] <= WIDE:
        names = names or [f"x{number}" for number in range(array.shape[1])]
        return read({name: array[:, n].astype(float) for n, name in enumerate(names)})
    gaps = int(np.isnan(array).any(axis=1).sum())
    if gaps:
        msg = (
            f"NaN in {gaps} of {counted(len(array), 'row')}. An array of more than {WIDE} columns "
            "is read as one vector a row, which cannot have gaps: fill them (SimpleImputer), or "
            "give a DataFrame, whose cells may be missing"
        )
        raise TableError(msg)
    return read({VECTOR: list(array.astype(np.float32))})


def schema_for(
    table: Table,
    targets: Mapping[str, Field],
    kinds: Mapping[str, str | Field] | None,
    *,
    numeric: bool,
) -> Schema:
    """Say what the columns are: numbers throughout for an array, else inferred.

    Args:
        table: inputs and targets.
        targets: the fields of the targets.
        kinds: kinds that the user gave.
        numeric: the table was an array of numbers.
    """
    if numeric:
        kind = Vector() if VECTOR in table.columns else Number()
        inputs = [name for name in table.columns if name not in targets]
        if not kinds:
            return Schema(dict.fromkeys(inputs, kind), dict(targets))
        kinds = {**dict.fromkeys(inputs, kind), **kinds}
    found = infer(table, targets=list(targets), kinds={**(kinds or {}), **targets})
    return found.schema


def free_names(table: Table, count: int) -> list[str]:
    """Find names for the targets that no column has."""
    stem = "y"
    while any(name.startswith(stem) for name in table.columns):
        stem = f"_{stem}"
    return [stem] if count == 1 else [f"{stem}{number}" for number in range(count)]
