"""What every step does with raw cells: is it missing, and which plain value does it hold?"""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from sensorium.core.errors import CellError

_MAYBE_NAN = (float, np.floating, Decimal)
_TIMES = (np.datetime64, np.timedelta64)
_PLAIN = (str, int, float)


def missing(cell: Any) -> bool:
    """Tell whether a raw cell is missing: None, NaN, NaT, NA, or text of blanks alone."""
    if cell is None:
        return True
    if isinstance(cell, str):
        return not cell.strip()
    if isinstance(cell, _MAYBE_NAN):
        return cell.is_nan() if isinstance(cell, Decimal) else math.isnan(cell)
    if isinstance(cell, _TIMES):
        return bool(np.isnat(cell))
    if isinstance(cell, Mapping) and set(cell) <= {"bytes", "path", "array", "sampling_rate"}:
        return all(cell.get(key) is None for key in ("bytes", "path", "array"))
    return type(cell).__name__ in ("NAType", "NaTType")


def plain(cell: Any) -> Any:
    """Turn numpy's and torch's single values into Python's own."""
    if type(cell) in _PLAIN:
        return cell
    if isinstance(cell, np.generic):
        return cell.item()
    if getattr(cell, "ndim", None) == 0 and hasattr(cell, "item"):
        return cell.item()
    return cell


def wrong_type(cell: Any, expected: str) -> CellError:
    """Say that a cell is of the wrong type."""
    shown = repr(cell)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return CellError(
        f"{shown} ({type(cell).__name__}) where {expected} was expected",
        "correct the cell, or give the column another field in the schema",
    )
