"""What a model gives for a row, beside its value: how it came about."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sensorium.core.counted import counted
from sensorium.core.errors import TableError
from sensorium.core.faults import Fault, Ledger, no_rows

Row = Mapping[str, Any]
MOST_TOLD = 5
"""A warning names so many damaged cells."""


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


def warned(answers: list[Answer]) -> list[Answer]:
    """Pass answers on of which only the values will be seen."""
    warn_of((fault for answer in answers for fault in answer.faults), depth=4)
    return answers


def warn_of(faults: Iterable[Fault], depth: int = 3) -> None:
    """Warn of damaged cells where the answers alone do not tell of them."""
    ledger = Ledger()
    for fault in faults:
        ledger.add(fault)
    if len(ledger):
        what = f"{counted(len(ledger), 'damaged cell')}; model.answers tells each row's status"
        warnings.warn(f"{what}:\n{ledger.message(MOST_TOLD)}", UserWarning, stacklevel=depth)


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
