"""Labelled stretches of a text: clean tuple of Slot; Int[batch spans 3] of label, start and end."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from sensorium.core.batch import Column, Layout
from sensorium.core.counted import counted
from sensorium.core.errors import CellError
from sensorium.core.schema import Spans
from sensorium.preprocess.cells import missing, wrong_type
from sensorium.preprocess.classes import Classes
from sensorium.preprocess.columns import ragged
from sensorium.preprocess.step import Beside, Step
from sensorium.preprocess.text import read_text

EXPECTED = "a list of spans such as {'label': 'place', 'start': 4, 'end': 11}"


@dataclass(frozen=True, slots=True)
class Slot:
    """A labelled stretch of a text.

    Attributes:
        label: what it is.
        start: its first character, counted from 0.
        end: one past its last character.
        text: the words themselves; "" where they are not known.
    """

    label: str
    start: int
    end: int
    text: str = ""

    def __str__(self) -> str:
        """Write it as ``place: kitchen``."""
        return f"{self.label}: {self.text or f'{self.start}-{self.end}'}"


Slots = tuple[Slot, ...]


class SpansStep(Step):
    """Reads spans beside the text in which they lie, and numbers their labels.

    Spans do not overlap; they are put in the order of the text. A label that no training row has
    gets the number after the last.

    Attributes:
        most: the most spans of a training row.
    """

    kind = "spans"
    ragged = True
    sparse = True
    field: Spans

    def __init__(self, field: Spans) -> None:
        super().__init__(field)
        self.beside = field.text
        self._known = Classes()
        self.most = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the training rows, sorted."""
        return self._known.names

    def read(self, cell: Any) -> Slots | None:
        """Read spans; of a bare cell, without its text, spans must say where they are.

        Errors:
            CellError: the cell holds no spans, or they do not lie in the text.
        """
        cell, text = (cell.cell, _text(cell.other)) if isinstance(cell, Beside) else (cell, None)
        if not isinstance(cell, list | tuple | np.ndarray | Mapping) and missing(cell):
            return None
        found = sorted(_slots(_parsed(cell), text), key=lambda slot: slot.start)
        for left, right in pairwise(found):
            if right.start < left.end:
                msg = f"two spans overlap: {left} and {right}"
                raise CellError(msg, "a character belongs to one span at most; keep one of them")
        return tuple(found)

    def fit(self, cells: Sequence[Slots | None]) -> "SpansStep":
        """Learn the labels."""
        self._known.fit((slot.label for cell in cells for slot in cell or ()), 1)
        self.most = max((len(cell) for cell in cells if cell is not None), default=0)
        return self

    def __call__(self, cells: Sequence[Slots | None]) -> Column:
        """Lay the spans of each row side by side; the column carries their words."""
        numbers, unknown = self._known.numbers, len(self._known)
        rows = [
            None
            if cell is None
            else np.array(
                [(numbers.get(slot.label, unknown), slot.start, slot.end) for slot in cell],
                np.int64,
            ).reshape(-1, 3)
            for cell in cells
        ]
        texts = tuple(tuple(slot.text for slot in cell or ()) for cell in cells)
        return replace(ragged(rows, (3,), np.int64), texts=texts)

    @property
    def layout(self) -> Layout:
        """The most spans of a training row as length."""
        return Layout("spans", channels=3, length=max(1, self.most))

    def state(self) -> Mapping[str, Any]:
        """Give the labels, their counts, and the most spans of a row."""
        return {**self._known.state(), "most": self.most}

    def restore(self, state: Mapping[str, Any]) -> "SpansStep":
        """Take them back."""
        self._known.restore(state)
        self.most = state["most"]
        return self


def _text(cell: Any) -> str | None:
    """Read the text beside; a damaged one is named in its own column."""
    try:
        return read_text(cell)
    except CellError:
        return None


def _parsed(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    try:
        return json.loads(cell)
    except json.JSONDecodeError as error:
        raise wrong_type(cell, f"{EXPECTED}, or JSON of it,") from error


def _slots(spans: Any, text: str | None) -> Iterator[Slot]:
    """Read each span; a text that stands there twice is found once for each time it is named."""
    taken: dict[str, int] = {}
    for span in _listed(spans):
        label = span["label"].strip()
        if _is_placed(span):
            yield _placed(label, span, text)
            continue
        words = span["text"]
        start = -1 if text is None else text.find(words, taken.get(words, 0))
        if start < 0:
            where = "a text that is missing" if text is None else f"the text {_short(text)}"
            msg = f"span {label!r} says {words!r}, which does not stand in {where}"
            raise CellError(msg, "copy the words out of the text, letter by letter")
        taken[words] = start + len(words)
        yield Slot(label, start, start + len(words), words)


def _listed(spans: Any) -> list[Mapping[str, Any]]:
    """Bring every form of spans into one: a list of mappings with a label and a place or words."""
    if isinstance(spans, Mapping) and not (set(spans) >= {"label"} and len(spans) > 1):
        spans = [
            {"label": label, "text": words}
            for label, its in spans.items()
            for words in (its if isinstance(its, list | tuple | np.ndarray) else [its])
            if not missing(words)
        ]
    elif isinstance(spans, Mapping):
        spans = [spans]
    if not isinstance(spans, list | tuple | np.ndarray):
        raise wrong_type(spans, EXPECTED)
    for span in spans:
        if not (isinstance(span, Mapping) and _is_whole(span)):
            raise wrong_type(span, "a span such as {'label': 'place', 'start': 4, 'end': 11}")
    return list(spans)


def _is_whole(span: Mapping[str, Any]) -> bool:
    label, words = span.get("label"), span.get("text")
    named = isinstance(label, str) and bool(label.strip())
    return named and (_is_placed(span) or (isinstance(words, str) and bool(words.strip())))


def _is_placed(span: Mapping[str, Any]) -> bool:
    ends = (span.get("start"), span.get("end"))
    return all(isinstance(x, int | np.integer) and not isinstance(x, bool) for x in ends)


def _placed(label: str, span: Mapping[str, Any], text: str | None) -> Slot:
    start, end = int(span["start"]), int(span["end"])
    most = end if text is None else len(text)
    if not 0 <= start < end <= most:
        where = "" if text is None else f" of a text of {counted(len(text), 'character')}"
        msg = f"span {label!r} goes from {start} to {end}{where}"
        raise CellError(msg, "start counts characters from 0, end is one past the last")
    words, said = "" if text is None else text[start:end], span.get("text")
    if text is not None and isinstance(said, str) and said != words:
        msg = f"span {label!r} says {said!r}, but {words!r} stands at {start} to {end}"
        raise CellError(msg, "correct the place or the words, or leave the words out")
    return Slot(label, start, end, words)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
