"""Near-duplicates in a table's columns: to find leaks, and to keep such rows together."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.core.errors import TableError
from sensorium.core.seed import numpy_generator
from sensorium.data import duplicates, media_kind
from sensorium.data.column import Places
from sensorium.data.duplicates import Clusters, Groups, Thumbnail
from sensorium.data.sample import Sample, is_missing
from sensorium.data.table import Table, located

MOST_TEXTS = 50_000
"""So many texts of a column are compared, when time matters."""

_AT_ONCE = 64
_THREADS = 4


def near_duplicates(table: Table, *names: str) -> list[int]:
    """Number the rows so that near-duplicates in any of the columns have the same number.

    As a column, the numbers keep such rows in one part of a split::

        table = table.with_column("twins", near_duplicates(table, "photo", "caption"))
        train, test = table.split(0.9, 0.1, group="twins")

    Args:
        table: the table.
        names: columns of pictures or texts.

    Errors:
        TableError: no columns are named, or unknown ones.
    """
    if not names:
        raise TableError("name the columns of pictures or texts in which to look")
    clusters = Clusters(len(table))
    for name in names:
        for row, group in enumerate(of_column(table, name).tolist()):
            clusters.join(group, row)
    return [int(group) for group in clusters.groups()]


def of_column(table: Table, name: str, seconds: float = np.inf) -> Groups:
    """Group the rows of one column.

    Args:
        table: the table.
        name: a column of pictures, else it is taken for texts.
        seconds: look no longer than so long.

    Returns:
        One number a row; -1 for rows that were not looked at.
    """
    order = numpy_generator(0, "look").permutation(len(table))
    if media_kind.of(next(iter(Sample.of(table, name).cells), None)) == "image":
        return _pictures(table, name, order, seconds)
    looked = np.sort(order if seconds == np.inf else order[:MOST_TEXTS])
    return _spread(len(table), looked, duplicates.of_texts(table.take(looked).cells(name)))


def _pictures(table: Table, name: str, order: Places, seconds: float) -> Groups:
    stop = time.monotonic() + seconds
    bare = table.with_schema(None)
    thumbnails: list[Thumbnail | None] = []
    for start in range(0, len(order), _AT_ONCE):
        if time.monotonic() > stop:
            break
        cells = bare.take(order[start : start + _AT_ONCE]).cells(name)
        with ThreadPoolExecutor(_THREADS) as threads:
            thumbnails += threads.map(partial(_thumbnail, table.folder), cells)
    looked = order[: len(thumbnails)]
    return _spread(len(table), looked, duplicates.of_thumbnails(thumbnails))


def _thumbnail(folder: Path | None, cell: Any) -> Thumbnail | None:
    return None if is_missing(cell) else duplicates.thumbnail(located(cell, folder))


def _spread(count: int, looked: Places, groups: Groups) -> Groups:
    """Name the groups of the rows that were looked at by rows of the whole table."""
    whole = np.full(count, -1, dtype=np.int64)
    whole[looked] = looked[groups]
    return whole
