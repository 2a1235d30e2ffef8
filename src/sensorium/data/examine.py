"""Examining one column: every cell checked, some media decoded whole, the facts and the faults."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sensorium.core.errors import CellError
from sensorium.core.faults import Fault
from sensorium.core.schema import Audio, Field, Image, Series, Text, Vector
from sensorium.data import facts
from sensorium.data.checks import are_sound, check, is_absent
from sensorium.data.headers import signal
from sensorium.data.table import Table, located
from sensorium.media import file_named

DECODED = 200
"""So many media cells of a column are decoded whole, evenly spaced over the table."""

_BLOCK = 2_048
_THREADS = 4


@dataclass(frozen=True, slots=True)
class Examined:
    """What a column's cells are like.

    Attributes:
        missing: missing cells.
        faults: damaged cells.
        facts: balance, sizes, durations, lengths.
        decoded: media cells that were decoded whole; the rest by header only.
        seconds: to decode the whole column on one core, by measure; 0 for what is not media.
        bytes: of the clean column in memory, by estimate.
    """

    missing: int
    faults: tuple[Fault, ...]
    facts: facts.Facts
    decoded: int
    seconds: float
    bytes: int


def examine(table: Table, name: str, field: Field, *, thorough: bool = False) -> Examined:
    """Examine a column.

    Args:
        table: the table.
        name: the column.
        field: what its cells should be.
        thorough: decode every media cell whole.
    """
    whole = _chosen(len(table), thorough=thorough) if field.media else set()
    missing, decoded, seconds = 0, 0, 0.0
    found, faults = [], []
    for places, cells in _blocks(table, name, field):
        if are_sound(cells, field):
            found += cells
            continue
        every = zip(places, cells, strict=True)
        present = [(place, cell) for place, cell in every if not is_absent(cell, field)]
        missing += len(cells) - len(present)
        looks = _each(_looked if field.media else _parsed, present, field, whole)
        for (place, cell), look in zip(present, looks, strict=True):
            if isinstance(look, CellError):
                faults.append(_fault(table.row_ids[place], name, cell, look))
            elif isinstance(look, _Look):
                found.append(look.header)
                seconds += look.seconds
            else:
                found.append(cell)
            decoded += place in whole
    seconds *= (len(table) - missing) / max(decoded, 1)
    told = facts.of_column(field, found)
    return Examined(missing, tuple(faults), told, decoded, seconds, _bytes(field, found))


@dataclass(frozen=True, slots=True)
class _Look:
    """A media cell's header, and the seconds that decoding it took; 0 if it was not decoded."""

    header: Any
    seconds: float


def _chosen(count: int, *, thorough: bool) -> set[int]:
    most = count if thorough else min(count, DECODED)
    return set(np.linspace(0, count - 1, most).round().astype(int).tolist())


def _blocks(table: Table, name: str, field: Field) -> Iterator[tuple[range, list[Any]]]:
    bare = table.with_schema(None)
    for start in range(0, len(table), _BLOCK):
        places = range(start, min(start + _BLOCK, len(table)))
        cells = bare.slice(places.start, places.stop).cells(name)
        if field.media:
            cells = [located(cell, table.folder) for cell in cells]
        yield places, cells


def _each(
    look: Callable[[Field, set[int], tuple[int, Any]], Any],
    cells: list[tuple[int, Any]],
    field: Field,
    whole: set[int],
) -> Iterator[Any]:
    one = partial(look, field, whole)
    if not field.media:
        yield from map(one, cells)
        return
    with ThreadPoolExecutor(_THREADS) as threads:
        yield from threads.map(one, cells)


def _parsed(field: Field, _: set[int], numbered: tuple[int, Any]) -> CellError | None:
    try:
        check(numbered[1], field)
    except CellError as error:
        return error
    return None


def _looked(field: Field, whole: set[int], numbered: tuple[int, Any]) -> _Look | CellError:
    """Check a media cell by its header, and decode it if it was chosen."""
    place, cell = numbered
    try:
        header = check(cell, field)
        if place not in whole:
            return _Look(header, 0.0)
        start = time.thread_time()
        check(cell, field, decode=True)
        return _Look(header, time.thread_time() - start)
    except CellError as error:
        return error


def _fault(row: int, name: str, cell: Any, error: CellError) -> Fault:
    file = file_named(cell) if not isinstance(cell, str) else ""
    return Fault(row, name, error.found, file, error.advice)


def _bytes(field: Field, found: list[Any]) -> int:
    """Estimate the clean column's size: pictures as bytes, sounds as 16 bits, the rest as 32."""
    match field:
        case Image():
            return len(found) * field.size**2 * field.channels
        case Audio():
            lengths = [min(of.seconds, field.seconds) for of in found]
            return int(sum(lengths) * field.rate * 2)
        case Series():
            return int(sum(4 * of.channels * min(of.steps, field.max_steps) for of in found))
        case Text():
            return sum(len(str(cell)) for cell in found)
        case Vector():
            return sum(4 * signal(cell).steps for cell in found)
        case _:
            return len(found) * 8
