"""What a model gives for a row, beside its value: how it came about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sensorium.core.counted import counted
from sensorium.core.errors import TableError
from sensorium.core.faults import Fault, no_rows

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """One row's answer and how it came about.

    Attributes:
        value: a label, a number, a list of tags, or a dict by target; None when the row was
            skipped.
        scores: probabilities by target, then by class; empty for numbers.
        status: ``"ok"``, or which cells were absent or damaged, or why the row was skipped.
        absent: the input columns that the row does not have.
        faults: the damaged cells of the row.
    """

    value: Any
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    status: str = "ok"
    absent: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


def check_rows(rows: Sequence[Any]) -> None:
    """Refuse what is no row.

    Errors:
        TableError: names all that are no mapping of cells by column.
    """
    if ledger := no_rows(rows):
        msg = f"{counted(len(ledger), 'row')} cannot be answered:\n{ledger.message()}"
        raise TableError(msg, tuple(ledger))


def answer_of(
    found: tuple[Any, dict[str, dict[str, float]]] | None,
    names: Sequence[str],
    clean: Mapping[str, Any],
    faults: tuple[Fault, ...],
) -> Answer:
    """Say of a row what was absent or damaged, and what was found, None where it was skipped."""
    damaged = [fault.column for fault in faults]
    absent = tuple(n for n in names if clean.get(n) is None and n not in damaged)
    notes = [f"{title}: {', '.join(columns)}" for title, columns in
             (("damaged", damaged), ("absent", absent)) if columns]  # fmt: skip
    if found is None:
        return Answer(None, {}, f"skipped; {'; '.join(notes)}", absent, faults)
    return Answer(*found, "; ".join(notes) or "ok", absent, faults)
