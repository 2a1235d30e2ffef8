"""The report: what was found out about a model, as a page, as text and as data.

It only holds findings; ``evaluate`` makes them, ``page`` and ``markdown`` lay them out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from sensorium.core.counted import counted
from sensorium.core.faults import Fault, Ledger
from sensorium.evaluate.findings import Findings
from sensorium.evaluate.pages import Pages
from sensorium.evaluate.provenance import Cost
from sensorium.evaluate.retrieval import PRIMARY, Retrieval


@dataclass(frozen=True, eq=False)
class Report(Pages):
    """What was found out about a model.

    Attributes:
        targets: the findings by target.
        searches: how well each column finds another, by direction, of an aligned model.
        rows: how many rows the model answered.
        without: the input columns that were taken away.
        history: one record an epoch of its training.
        choices: what was chosen for it and why, a line each.
        faults: the damaged cells, of training and of the rows judged.
        notes: what a reader should know before the figures.
        cost: what the model costs.
        provenance: where the figures come from, in words.
    """

    title: ClassVar[str] = "report"

    targets: Mapping[str, Findings]
    rows: int
    without: tuple[str, ...]
    history: tuple[Mapping[str, Any], ...]
    choices: tuple[str, ...]
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]
    cost: Cost
    provenance: Mapping[str, str]
    searches: Mapping[str, Retrieval] = field(default_factory=dict)

    @property
    def sentences(self) -> Mapping[str, str]:
        """Does fusion help? A sentence by target."""
        fused = {name: found.fusion.sentence for name, found in self.targets.items()}
        return fused | {name: found.sentence for name, found in self.searches.items()}

    @property
    def scores(self) -> dict[str, str]:
        """The name of the score by which each target is judged."""
        fused = {name: found.fusion.score for name, found in self.targets.items()}
        return fused | dict.fromkeys(self.searches, PRIMARY)

    @property
    def subject(self) -> tuple[str, ...]:
        """What it is about: the targets, or the directions of search."""
        return (*self.targets, *self.searches)

    def write(self, folder: str | Path) -> Path:
        """Write report.html, report.md, report.json and ledger.jsonl into a folder."""
        folder = super().write(folder)
        ledger = Ledger()
        for fault in self.faults:
            ledger.add(fault)
        ledger.write(folder / "ledger.jsonl")
        return folder

    def __repr__(self) -> str:
        return f"<Report on {counted(self.rows, 'row')}: {self.verdict}>"
