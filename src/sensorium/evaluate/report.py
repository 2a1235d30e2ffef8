"""The report: what was found out about a model, as a page, as text and as data.

It only holds findings; ``evaluate`` makes them, ``page`` and ``markdown`` lay them out.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.core.faults import Fault, Ledger
from sensorium.evaluate.findings import Findings
from sensorium.evaluate.layout import render
from sensorium.evaluate.provenance import Cost

PICTURES = ("uri", "lines")
"""Fields of cells that only a page can show; data leave them out."""


@dataclass(frozen=True, eq=False)
class Report:
    """What was found out about a model.

    Attributes:
        targets: the findings by target.
        rows: how many rows the model answered.
        without: the input columns that were taken away.
        history: one record an epoch of its training.
        choices: what was chosen for it and why, a line each.
        faults: the damaged cells, of training and of the rows judged.
        notes: what a reader should know before the figures.
        cost: what the model costs.
        provenance: where the figures come from, in words.
    """

    targets: Mapping[str, Findings]
    rows: int
    without: tuple[str, ...]
    history: tuple[Mapping[str, Any], ...]
    choices: tuple[str, ...]
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]
    cost: Cost
    provenance: Mapping[str, str]

    @property
    def verdict(self) -> str:
        """Does fusion help? One sentence a target."""
        sentences = {name: found.fusion.sentence for name, found in self.targets.items()}
        if len(sentences) == 1:
            return next(iter(sentences.values()))
        return "\n".join(f"{name}: {sentence}" for name, sentence in sentences.items())

    @property
    def scores(self) -> dict[str, str]:
        """The name of the score by which each target is judged."""
        return {name: found.fusion.score for name, found in self.targets.items()}

    def summary(self) -> str:
        """Give what a terminal shows: the verdict, how each way to answer did, the main scores."""
        return render("summary.txt", {"report": self})

    def html(self) -> str:
        """Lay the report out as one self-contained page."""
        return render("report.html", {"report": self})

    def markdown(self) -> str:
        """Write the report as Markdown."""
        return render("report.md", {"report": self})

    def to_dict(self) -> dict[str, Any]:
        """Give all findings as plain data; numbers that are not defined become None."""
        return {"verdict": self.verdict, **plain(self)}

    def json(self) -> str:
        """Write all findings as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=1, allow_nan=False)

    def write(self, folder: str | Path) -> Path:
        """Write report.html, report.md, report.json and ledger.jsonl into a folder."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        pages = {"report.html": self.html, "report.md": self.markdown, "report.json": self.json}
        for name, make in pages.items():
            (folder / name).write_text(make() + "\n", encoding="utf-8")
        ledger = Ledger()
        for fault in self.faults:
            ledger.add(fault)
        ledger.write(folder / "ledger.jsonl")
        return folder

    def __repr__(self) -> str:
        return f"<Report on {self.rows:,} rows: {self.verdict}>"


def plain(value: Any) -> Any:
    """Turn findings into JSON data."""
    if is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in fields(value) if f.name not in PICTURES]
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
