"""What a report and a comparison share: findings as a page, as text and as data."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from sensorium.evaluate.layout import render

PICTURES = ("uri", "lines")
"""Fields of cells that only a page can show; data leave them out."""


class Pages(ABC):
    """Findings that templates lay out.

    Attributes:
        title: names the templates, their variable, and the files.
    """

    title: ClassVar[str]

    @property
    @abstractmethod
    def sentences(self) -> Mapping[str, str]:
        """Does fusion help? A sentence by target."""

    @property
    def verdict(self) -> str:
        """Does fusion help? One sentence a target."""
        if len(self.sentences) == 1:
            return next(iter(self.sentences.values()))
        return "\n".join(f"{name}: {sentence}" for name, sentence in self.sentences.items())

    def summary(self) -> str:
        """Give what a terminal shows: the verdict, how each way to answer did, the main scores."""
        return render(f"{self.title}.txt", {self.title: self})

    def html(self) -> str:
        """Lay the findings out as one self-contained page."""
        return render(f"{self.title}.html", {self.title: self})

    def markdown(self) -> str:
        """Write the findings as Markdown."""
        return render(f"{self.title}.md", {self.title: self})

    def to_dict(self) -> dict[str, Any]:
        """Give all findings as plain data; numbers that are not defined become None."""
        return {"verdict": self.verdict, **plain(self)}

    def json(self) -> str:
        """Write all findings as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=1, allow_nan=False)

    def write(self, folder: str | Path) -> Path:
        """Write the page, the Markdown and the JSON into a folder."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for ending, make in (("html", self.html), ("md", self.markdown), ("json", self.json)):
            (folder / f"{self.title}.{ending}").write_text(make() + "\n", encoding="utf-8")
        return folder


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
