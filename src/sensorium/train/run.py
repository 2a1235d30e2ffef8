"""What a fit gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sensorium.core.counted import counted
from sensorium.core.faults import Ledger
from sensorium.evaluate import Report
from sensorium.model import Model


@dataclass(frozen=True)
class Run:
    """A finished fit.

    Attributes:
        model: the trained model.
        history: one record an epoch: losses, rate, rows a second, validation scores.
        settled: what was measured and decided before the first step.
        ledger: the damaged cells that were met.
        seconds: time spent training.
        folder: where everything was written; None when nothing was.
        report: the report on held-out rows; None until there is one.
    """

    model: Model
    history: Sequence[Mapping[str, Any]]
    settled: Mapping[str, Any]
    ledger: Ledger
    seconds: float
    folder: Path | None = None
    report: Report | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        where = f" in {self.folder}" if self.folder else ""
        made = f"{counted(len(self.history), 'epoch')}, {self.seconds:,.0f} s"
        verdict = f": {self.report.verdict}" if self.report else ""
        return f"<Run{where}, {made}{verdict}>"
