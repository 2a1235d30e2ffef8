"""The names that a column of categories may hold, in order, learnt from training rows."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sensorium.preprocess.cells import plain, wrong_type


class Classes:
    """Names with numbers.

    Attributes:
        names: sorted; by value when all are numbers.
        counts: how many training rows have each of them.
        numbers: the place of each name.
    """

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()
        self.counts: tuple[int, ...] = ()
        self.numbers: dict[str, int] = {}

    def fit(self, names: Iterable[str], least: int) -> None:
        """Learn the names that occur at least so often."""
        counts = Counter(names)
        common = sorted(name for name, count in counts.items() if count >= least)
        if all(map(_is_number, common)):
            common.sort(key=float)
        self.restore({"classes": common, "counts": [counts[name] for name in common]})

    def __len__(self) -> int:
        return len(self.names)

    def state(self) -> Mapping[str, Any]:
        """Give what was learned, as JSON data."""
        return {"classes": list(self.names), "counts": list(self.counts)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what ``state`` gave."""
        self.names, self.counts = tuple(state["classes"]), tuple(state["counts"])
        self.numbers = {name: number for number, name in enumerate(self.names)}


def name_of(cell: Any) -> str:
    """Give the name in a cell; whole numbers and truth values become their text.

    Errors:
        CellError: the cell holds no name.
    """
    cell = plain(cell)
    if isinstance(cell, float):
        if not math.isfinite(cell):
            raise wrong_type(cell, "a name")
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, bool | int | str):
        return str(cell).strip()
    raise wrong_type(cell, "a name")


def _is_number(name: str) -> bool:
    try:
        return math.isfinite(float(name))
    except ValueError:
        return False
