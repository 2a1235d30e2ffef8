"""A sample of one column's cells, and the plain facts that its kind is told by."""

import math
import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.data.table import Table

_PEEK = 256
_MOST = 10_000
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af]")


def is_missing(cell: Any) -> bool:
    """Tell whether a raw cell is missing: None, NaN, NaT, NA, or a word of blanks alone."""
    if cell is None:
        return True
    if isinstance(cell, float):
        return math.isnan(cell)
    if isinstance(cell, str):
        return not cell.strip()
    if isinstance(cell, dict) and cell.keys() & {"bytes", "path", "array"}:
        return all(cell.get(key) is None for key in ("bytes", "path", "array"))
    return type(cell).__name__ in ("NAType", "NaTType")


def word_count(text: str) -> float:
    """Count words; in scripts without spaces two letters count as a word."""
    wide = len(_CJK.findall(text))
    return wide / 2 + len(_CJK.sub(" ", text).split())


def without_spaces(texts: Sequence[str]) -> bool:
    """Tell whether most letters are of scripts that put no spaces between words."""
    letters = "".join(texts)
    return 2 * len(_CJK.findall(letters)) > sum(map(str.isalnum, letters))


def parsed_number(text: str) -> float | None:
    """Read a number as people write it (1200.5, 1,200.5, 1e3); None if it is none."""
    text = text.strip()
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


@dataclass(frozen=True)
class Sample:
    """Cells of one column, evenly spaced over the table.

    Attributes:
        name: the column.
        cells: cells that are there.
        missing: how many of the sampled cells are missing.
        rows: how many the table has.
        target: whether the column is to be learned.
        folder: where relative file names start.
    """

    name: str
    cells: list[Any]
    missing: int = 0
    rows: int = 0
    target: bool = False
    folder: Path | None = None

    @staticmethod
    def of(table: Table, name: str, *, target: bool = False) -> "Sample":
        """Sample a column; fewer cells where they are large (bytes, arrays)."""
        bare = table.with_schema(None)
        cells = bare.take(_spaced(len(table), _PEEK)).cells(name)
        if len(table) > _PEEK and all(_is_light(cell) for cell in cells):
            cells = bare.take(_spaced(len(table), _MOST)).cells(name)
        known = [cell for cell in cells if not (is_missing(cell) or _is_empty(cell))]
        return Sample(name, known, len(cells) - len(known), len(table), target, table.folder)

    @property
    def whole(self) -> bool:
        """Whether these are all the rows."""
        return self.rows == len(self.cells) + self.missing

    def __len__(self) -> int:
        return len(self.cells)

    def all(self, *kinds: type) -> bool:
        """Tell whether every cell is of these types (a bool is no int here)."""
        return all(
            isinstance(cell, kinds) and (bool in kinds or not isinstance(cell, bool))
            for cell in self.cells
        )

    @cached_property
    def texts(self) -> list[str]:
        """The cells that are words."""
        return [cell for cell in self.cells if isinstance(cell, str)]

    @cached_property
    def is_text(self) -> bool:
        """Whether all cells are words."""
        return len(self.texts) == len(self.cells)

    @cached_property
    def distinct(self) -> set[Hashable]:
        """The different cells; arrays, lists and the like are not told apart."""
        return {cell for cell in self.cells if isinstance(cell, str | int | float | bytes)}

    @cached_property
    def distinct_share(self) -> float:
        """Different cells by cells."""
        return len(self.distinct) / max(len(self.cells), 1)

    @cached_property
    def words(self) -> float:
        """Words a cell, on average."""
        return float(np.mean([word_count(text) for text in self.texts[:2_000]] or [0.0]))

    def share(self, test: Any) -> float:
        """Share of the cells that pass a test."""
        return sum(map(bool, map(test, self.cells))) / max(len(self.cells), 1)


def _spaced(count: int, most: int) -> list[int]:
    return [int(place) for place in np.linspace(0, count - 1, min(count, most)).round()]


def _is_empty(cell: Any) -> bool:
    return isinstance(cell, list | tuple) and not cell


def _is_light(cell: Any) -> bool:
    return isinstance(cell, str | int | float | None) or type(cell).__module__ == "datetime"
