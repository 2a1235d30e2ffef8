"""Faults of cells and the ledger that keeps them; knows nothing of how cells are read."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RowId = int | str


@dataclass(frozen=True, slots=True)
class Fault:
    """One damaged cell: where it is, what was found, what to do.

    Attributes:
        row: the row's number in its table, counted from 0.
        column: the column's name; "" when the whole row is at fault.
        file: the file that the cell names; "" when it names none.
        found: what was found.
        advice: what the user can do about it.
    """

    row: RowId
    column: str
    found: str
    file: str = ""
    advice: str = ""

    def __str__(self) -> str:
        """Render the fault as one line."""
        where = f"row {self.row}"
        if self.column:
            where += f", column {self.column!r}"
        if self.file:
            where += f", file {self.file}"
        return f"{where}: {self.found}" + (f"; {self.advice}" if self.advice else "")


@dataclass(slots=True)
class Ledger:
    """Every damaged cell that was met, each once, in the order of meeting."""

    _faults: dict[tuple[RowId, str], Fault] = field(default_factory=dict)

    def add(self, fault: Fault) -> None:
        """Note a fault; the same cell is noted once."""
        self._faults.setdefault((fault.row, fault.column), fault)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults.values())

    def __len__(self) -> int:
        return len(self._faults)

    def counts(self) -> dict[str, int]:
        """Count the damaged cells of each column."""
        return dict(Counter(fault.column for fault in self))

    def message(self, most: int = 20) -> str:
        """Lay the faults out, one a line; beyond ``most`` they are only counted."""
        lines = [f"  - {fault}" for fault in list(self)[:most]]
        if len(self) > most:
            lines.append(f"  - and {len(self) - most} more")
        return "\n".join(lines)

    def write(self, file: Path) -> None:
        """Write the ledger as JSON lines, one fault a line."""
        text = "".join(json.dumps(asdict(fault), ensure_ascii=False) + "\n" for fault in self)
        file.write_text(text, encoding="utf-8")


def no_rows(rows: Iterable[Any]) -> Ledger:
    """Note whatever is no mapping of cells by column, by its place among the rows."""
    ledger = Ledger()
    for place, row in enumerate(rows):
        if not isinstance(row, Mapping):
            found = f"not a dict but of type {type(row).__name__}"
            ledger.add(Fault(place, "", found, advice="give one dict a row: {column: cell}"))
    return ledger
