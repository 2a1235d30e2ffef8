"""``sensorium.transcribe``: a recording of any length, written down, with the time of each word."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from sensorium.core.batch import Features
from sensorium.core.errors import CellError, PartError
from sensorium.core.faults import Ledger
from sensorium.core.schema import Audio
from sensorium.data.headers import sound
from sensorium.media.windows import LONGEST, Window, windows
from sensorium.metrics.chinese import has_chinese
from sensorium.model import Answer, Model, Row
from sensorium.model.answers import check_rows
from sensorium.tasks import Transcribe
from sensorium.tasks.listener import Listener, listeners_of
from sensorium.tasks.timing import Word, timed

SUFFIXES = {".wav", ".flac", ".mp3", ".ogg", ".aiff", ".aif", ".au"}
AT_ONCE = 8
"""So many windows go through the model at once."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in a recording.

    Attributes:
        text: all of it; "" where nothing was.
        words: word by word; () where the model does not know the times.
        notes: what the user should know, such as which stretch is silent.
    """

    text: str
    words: tuple[Word, ...] = ()
    notes: tuple[str, ...] = ()


def transcribe(
    model: Model, recording: Any, *, on_window: Callable[[float], None] | None = None
) -> Transcript:
    """Write a recording down, however long it is: window by window, cut where it is quiet.

    Args:
        model: its task is ``Transcribe``, over one column of sound.
        recording: a path, bytes, or an array of samples at the model's rate.
        on_window: called with the seconds done so far.

    Errors:
        PartError: the model does not transcribe one column of sound.
        CellError: the recording is damaged, or not a sound.
    """
    name, field = _sound_of(model)
    parts: list[Transcript] = []
    cut = windows(recording, field.rate, min(field.seconds, field.max_seconds))
    while some := list(islice(cut, AT_ONCE)):
        parts.append(_listen(model, name, field.rate, some))
        if on_window is not None:
            on_window(some[-1].start + len(some[-1].samples) / field.rate)
    texts = [part.text for part in parts if part.text]
    words = tuple(word for part in parts for word in part.words)
    notes = tuple(note for part in parts for note in part.notes)
    return Transcript(_joined(texts), words, notes if parts else ("a recording of zero samples",))


def is_recording(source: Any) -> bool:
    """Tell whether a source is a file of sound, by its name."""
    return Path(str(source)).suffix.lower() in SUFFIXES


def answers_of(model: Model, rows: Sequence[Row]) -> list[Answer]:
    """Answer rows as ``model.answers`` does; recordings too long for it, in windows.

    Errors:
        TableError: as for ``model.answers``; that a recording is long is no damage.
    """
    check_rows(rows)
    sounds = [name for name, field in model.schema.inputs.items() if isinstance(field, Audio)]
    if not isinstance(model.task, Transcribe) or sounds != list(model.names):
        return model.answers(rows)
    name, field = _sound_of(model)
    header = replace(field, max_seconds=LONGEST)
    said: dict[int, Answer] = {}
    for place, row in enumerate(rows):
        with suppress(CellError):  # what is damaged is named below
            cell = row.get(name)
            if cell is not None and sound(cell, header).seconds > field.seconds:
                found = transcribe(model, cell)
                notes = "; ".join((f"ok, in windows of {field.seconds:g} s", *found.notes))
                said[place] = Answer(found.text, status=notes)
    plain = [{name: None} if place in said else row for place, row in enumerate(rows)]
    return [said.get(place, answer) for place, answer in enumerate(model.answers(plain))]


def _sound_of(model: Model) -> tuple[str, Audio]:
    sounds = [(n, f) for n, f in model.schema.inputs.items() if isinstance(f, Audio)]
    if not isinstance(model.task, Transcribe) or len(sounds) != 1:
        msg = (
            f"{type(model.task).__name__} over {list(model.schema.inputs)} does not write down one "
            "column of sound; fit with task=Transcribe('text'), inputs=['audio']"
        )
        raise PartError(msg)
    return sounds[0]


def _joined(texts: Sequence[str]) -> str:
    return ("" if any(map(has_chinese, texts)) else " ").join(texts)


def _listen(model: Model, name: str, rate: int, some: Sequence[Window]) -> Transcript:
    """Hear some windows; silent ones give nothing, and are noted."""
    rows = [{name: {"array": window.samples, "sampling_rate": rate}} for window in some]
    # A silent window is empty, whatever the model's policy is for damaged cells of a table.
    ledger = Ledger()
    clean = [model.prep.read(row, number, ledger) for number, row in enumerate(rows)]
    features = model.features(model.prep.collate(clean, range(len(rows))))
    texts = [text for text in model.task.predict(features) if text]
    starts = {row: window.start for row, window in enumerate(some)}
    notes = tuple(f"from {starts[int(f.row)]:.1f} s: {f.found}" for f in ledger)
    listener = listeners_of(model.task).get(model.task.targets[0])
    words = () if listener is None else tuple(_words(listener, features, some, rate))
    return Transcript(_joined(texts), words, notes)


def _words(
    listener: Listener, features: Features, some: Sequence[Window], rate: int
) -> Iterator[Word]:
    steps = listener.steps(features.fused).tolist()
    there = next(iter(features.fused.present.values())).tolist()
    for window, heard, count, real in zip(
        some, listener.heard(features), steps, there, strict=True
    ):
        if real:
            pace = len(window.samples) / rate / max(count, 1)
            yield from timed(listener.head.tokens, heard, pace, window.start)
