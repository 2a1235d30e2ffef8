"""Plain facts about one column's sound cells, by its kind: balance, sizes, durations, lengths."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sensorium.core.schema import Category, Field
from sensorium.data.headers import Picture, Signal, Sound, signal
from sensorium.data.sample import parsed_number, word_count

Facts = dict[str, Any]
"""JSON data: names of facts, and numbers, words, lists or dicts of them."""

_MOST_CLASSES = 20


def spread(values: Sequence[float], digits: int = 2) -> Facts:
    """Give the least, middle and greatest of some numbers."""
    of = np.asarray(values, dtype=np.float64)
    found = {"least": of.min(), "middle": np.median(of), "greatest": of.max()}
    return {name: round(float(value), digits) for name, value in found.items()}


def of_column(field: Field, found: Sequence[Any]) -> Facts:
    """Give the facts of a column.

    Args:
        field: its field.
        found: for media the headers of its cells, else the cells; damaged and missing left out.
    """
    return FACTS[field.kind](field, found) if found else {}


def _category(field: Field, cells: Sequence[Any]) -> Facts:
    if isinstance(field, Category) and field.many:
        names = [name for cell in cells for name in _names(cell, field.separator)]
    else:
        names = [str(cell).strip() for cell in cells]
    return _balance(Counter(names), len(cells))


def _names(cell: Any, separator: str) -> list[str]:
    parts = cell.split(separator) if isinstance(cell, str) else list(cell)
    return sorted({str(part).strip() for part in parts})


def _flag(_: Field, cells: Sequence[Any]) -> Facts:
    return _balance(Counter(str(cell).strip().lower() for cell in cells), len(cells))


def _balance(counts: Counter[str], cells: int) -> Facts:
    rare = sum(count < 10 for count in counts.values())
    facts: Facts = {"classes": len(counts)}
    if counts and max(counts.values()) > 1:
        facts["counts"] = dict(counts.most_common(_MOST_CLASSES))
        facts["largest share"] = round(max(counts.values()) / cells, 3)
    return {**facts, "classes under 10 rows": rare} if rare else facts


def _number(_: Field, cells: Sequence[Any]) -> Facts:
    every = (parsed_number(cell) if isinstance(cell, str) else float(cell) for cell in cells)
    values = [value for value in every if value is not None]
    return {**spread(values, 6), "mean": round(float(np.mean(values)), 6)} if values else {}


def _text(_: Field, cells: Sequence[Any]) -> Facts:
    counts = [math.ceil(word_count(str(cell))) for cell in cells]
    return {"words": spread(counts, 0), "different": len(set(map(str, cells)))}


def _date(_: Field, cells: Sequence[Any]) -> Facts:
    return {"first": str(min(cells)), "last": str(max(cells))}


def _image(_: Field, found: Sequence[Picture]) -> Facts:
    facts: Facts = {
        "width px": spread([of.width for of in found], 0),
        "height px": spread([of.height for of in found], 0),
    }
    grey = sum(of.grey for of in found)
    return {**facts, "grey": grey} if grey else facts


def _audio(_: Field, found: Sequence[Sound]) -> Facts:
    seconds = [of.seconds for of in found]
    rates = Counter(of.rate for of in found)
    return {
        "seconds": spread(seconds),
        "hours": round(sum(seconds) / 3_600, 2),
        "rate Hz": {str(rate): count for rate, count in rates.most_common(5)},
    }


def _series(_: Field, found: Sequence[Signal]) -> Facts:
    channels = Counter(of.channels for of in found)
    return {
        "steps": spread([of.steps for of in found], 0),
        "channels": {str(count): cells for count, cells in channels.most_common(5)},
    }


def _vector(_: Field, cells: Sequence[Any]) -> Facts:
    return {"numbers": spread([signal(cell).steps for cell in cells], 0)}


FACTS: dict[str, Callable[[Field, Sequence[Any]], Facts]] = {
    "audio": _audio,
    "category": _category,
    "date": _date,
    "flag": _flag,
    "image": _image,
    "number": _number,
    "series": _series,
    "text": _text,
    "vector": _vector,
}
