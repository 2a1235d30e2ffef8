"""Is one cell what its field says? Media by header, or decoded whole; the rest by parsing."""

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from sensorium.core.errors import CellError
from sensorium.core.schema import Audio, Category, Date, Field, Image
from sensorium.data import headers
from sensorium.data.column import is_nested
from sensorium.data.sample import is_missing, parsed_number
from sensorium.media import locate, read_npy, read_picture, read_sound
from sensorium.media.source import load

Check = Callable[[Any, Any], object]
"""Takes a cell and its field; raises CellError if the cell is damaged."""

_YES = ("true", "t", "yes", "y", "on", "1", "1.0", "是")
_NO = ("false", "f", "no", "n", "off", "0", "0.0", "否")
_SOUND: dict[str, set[type]] = {
    "text": {str},
    "category": {str},
    "flag": {bool},
    "number": {int, float},
    "date": {date, datetime},
}
_NOTHING = frozenset({"nan", "na", "n/a", "null", "none"})


def are_sound(cells: Sequence[Any], field: Field) -> bool:
    """Tell quickly whether all cells are there and surely sound; False if one must be looked at."""
    kinds = set(map(type, cells))
    if not kinds <= _SOUND.get(field.kind, set()):
        return False
    if str in kinds:
        return all(map(str.strip, cells))
    return float not in kinds or math.isfinite(sum(cells))


def is_absent(cell: Any, field: Field) -> bool:
    """Tell whether a cell is missing, as its field sees it: where a number should be, NA is."""
    if is_missing(cell):
        return True
    return field.kind == "number" and isinstance(cell, str) and cell.strip().lower() in _NOTHING


def check(cell: Any, field: Field, *, decode: bool = False) -> object:
    """Check one cell that is not missing.

    Args:
        cell: the cell; media files as absolute paths.
        field: its column's field.
        decode: decode media whole; otherwise only their headers are read.

    Returns:
        What was read: a header for media, else whatever the check came upon.

    Errors:
        CellError: the cell is damaged.
    """
    checks = {**HEADERS, **WHOLE} if decode else HEADERS
    return checks[field.kind](cell, field) if field.kind in checks else None


def _text(cell: Any, _: Field) -> object:
    if isinstance(cell, bool) or not isinstance(cell, str | int | float | Decimal):
        raise _not(cell, "text", "give one text a cell; table.explode(NAME) makes a row of each")
    return _finite(cell)


def _number(cell: Any, _: Field) -> object:
    if isinstance(cell, str):
        value = parsed_number(cell)
        cell = cell if value is None else value
    if not isinstance(cell, int | float | Decimal):
        raise _not(cell, "a number", "correct it, or leave the cell empty")
    return _finite(cell)


def _finite(cell: Any) -> Any:
    if isinstance(cell, float | Decimal) and math.isinf(cell):
        raise CellError(f"the number {cell}", "give a finite number")
    return cell


def _category(cell: Any, field: Category) -> object:
    if field.many:
        several = isinstance(cell, list | tuple | set | frozenset | np.ndarray)
        for item in cell if several else [cell]:
            _category(item, Category())
    elif not isinstance(cell, str | int | float):
        raise _not(cell, "one name", "give one name a cell, or Category(many=True)")
    return _finite(cell)


def _flag(cell: Any, _: Field) -> object:
    if str(cell).strip().lower() not in (*_YES, *_NO):
        raise _not(cell, "yes or no", "write true or false, yes or no, 1 or 0")
    return cell


def _date(cell: Any, field: Date) -> object:
    if isinstance(cell, date):
        return cell
    try:
        text = str(cell).strip()
        return datetime.strptime(text, field.form) if field.form else datetime.fromisoformat(text)
    except ValueError as error:
        wanted = f"a date of the form {field.form}" if field.form else "an ISO 8601 date"
        form = "another form" if field.form else "its form"
        raise _not(cell, wanted, f"correct it, or name {form}: Date(form=...)") from error


def _vector(cell: Any, _: Field) -> object:
    signal = headers.signal(cell)
    if signal.channels != 1:
        raise _not(cell, "one row of numbers", "give a list of numbers")
    return signal


def _not(cell: Any, wanted: str, advice: str) -> CellError:
    shown = repr(cell)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return CellError(f"{shown} where {wanted} was expected", advice)


def _whole_picture(cell: Any, field: Image) -> object:
    return read_picture(cell, field.size, field.channels, field.fit, field.max_pixels)


def _whole_sound(cell: Any, field: Audio) -> object:
    return read_sound(cell, field.rate, field.seconds, field.max_seconds)


def _whole_signal(cell: Any, _: Field) -> object:
    source = None if is_nested(cell) or hasattr(cell, "__array__") else locate(cell)
    return headers.signal(cell) if source is None else read_npy(load(source))


HEADERS: dict[str, Check] = {
    "text": _text,
    "number": _number,
    "category": _category,
    "flag": _flag,
    "date": _date,
    "vector": _vector,
    "image": headers.picture,
    "audio": headers.sound,
    "series": lambda cell, _: headers.signal(cell),
}
WHOLE: dict[str, Check] = {
    "image": _whole_picture,
    "audio": _whole_sound,
    "series": _whole_signal,
}
