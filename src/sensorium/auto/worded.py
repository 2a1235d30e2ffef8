"""What tasks that end in words ask of a table: fields that cut nothing, and rows kept together."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from sensorium.auto.aligned import recurring
from sensorium.core.errors import CellError
from sensorium.core.schema import Audio, Field, Number, Schema, Text
from sensorium.data import Table
from sensorium.data.headers import sound
from sensorium.data.sample import is_missing
from sensorium.data.table import listed
from sensorium.tasks import Answer, Caption, Describe, Regress, Several, Task, Transcribe

VOCABULARY = 4_000
FEW_WORDS, OFTEN = 200, 5
"""Speech of so few different words, each said so often, is heard word by word."""
ROOM = 1.5
"""Later rows may have texts, and sounds, this much longer than the longest at hand."""


@dataclass(frozen=True)
class Worded:
    """What was settled about words that are to be written.

    Attributes:
        schema: the schema, its texts and sounds sized.
        task: the user's, or the one that writes the only target, if that is text.
        group: the column whose rows stay together; None for none.
        reasons: what was settled, in words.
    """

    schema: Schema
    task: Task | None
    group: str | None = None
    reasons: tuple[str, ...] = ()


def kinds_for(task: Task | None, kinds: Mapping[str, Field] | None) -> dict[str, str | Field]:
    """Add the kinds that a task asks of its targets to those that the user gave.

    Numbers to regress may be few whole ones, which would pass for classes.
    """
    wanted: dict[str, str | Field] = {}
    if task is not None:
        regressed = [one for one in _each_task(task) if isinstance(one, Regress)]
        wanted = {name: Number.kind for one in regressed for name in one.targets}
        wanted |= {name: task.suited(name, kind()) for name, kind in task.wanted.items()}
    return {**wanted, **(kinds or {})}


def worded(
    schema: Schema, task: Task | None, table: Table, given: Mapping[str, Field] | None
) -> Worded:
    """Size the texts that are to be written, and the sounds in which they are said.

    Args:
        schema: as it was inferred.
        task: what the user wants; None writes the target, if it is the only one and text.
        table: all rows.
        given: fields that the user gave, which stay as they are.
    """
    task = _written(task, schema) if task else _task(schema)
    if task is None or Text not in task.wanted.values():
        return Worded(schema, task)
    given, reasons = given or {}, []
    spoken = [one for one in _each_task(task) if isinstance(one, Transcribe)]
    heard = [one.target for one in spoken if one.kind == "ctc"]
    targets, inputs = dict(schema.targets), dict(schema.inputs)
    for name, kind in task.wanted.items():
        if kind is Text and name not in given:
            targets[name], why = _text(table, name, heard=name in heard)
            reasons.append(f"{name}: {why}")
    for name, field in inputs.items():
        if spoken and isinstance(field, Audio) and name not in given:
            inputs[name] = whole = _whole(table, name, field)
            reasons.append(f"{name}: whole sounds of up to {whole.seconds:g} s")
    targets = {name: task.suited(name, field) for name, field in targets.items()}
    group = schema.group
    if group is None:
        group = recurring(table, tuple(n for n, field in inputs.items() if field.media))
        if group is not None:
            reasons.append(f"split: rows of one {group} stay together, for its cells recur")
    schema = replace(schema, inputs=inputs, targets=targets, group=group)
    return Worded(schema, task, group, tuple(reasons))


def _written(task: Task, schema: Schema) -> Task:
    """Take an answer for a written one where its target turned out to be text."""
    if isinstance(task, Several):
        each = [_written(one, schema) for one in task.tasks]
        alike = all(one is own for one, own in zip(each, task.tasks, strict=True))
        return task if alike else Several(*each, weights=task.weights)
    if isinstance(task, Answer) and isinstance(schema.targets.get(task.target), Text):
        return Answer(
            task.target, free=True, decoder=task.decoder, sampling=task.sampling,
            teaching=task.teaching,
        )  # fmt: skip
    return task


def _task(schema: Schema) -> Task | None:
    """Choose the task of a single target that is text."""
    if [field.kind for field in schema.targets.values()] != ["text"]:
        return None
    (target,) = schema.targets
    kinds = {field.kind for field in schema.inputs.values()}
    if kinds == {"audio"}:
        return Transcribe(target)
    return Caption(target) if kinds <= {"image"} else Describe(target)


def _each_task(task: Task) -> tuple[Task, ...]:
    return task.tasks if isinstance(task, Several) else (task,)


def _text(table: Table, name: str, *, heard: bool) -> tuple[Text, str]:
    texts = [str(text) for cell in table.with_schema(None).cells(name) for text in _each(cell)]
    longest = max((len(text.encode()) for text in texts), default=1)
    most = max(16, int(ROOM * longest) + 1)
    if not heard:
        return Text(max_tokens=most, vocabulary=VOCABULARY), "texts of byte-level BPE, none cut"
    words = [word for text in texts for word in text.split()]
    different = len(set(words))
    if different <= FEW_WORDS and len(words) >= OFTEN * different:
        how = f"heard word by word, for there are only {different}"
        return Text(max_tokens=most, tokenizer="words", vocabulary=VOCABULARY), how
    field = Text(max_tokens=most, tokenizer="characters", vocabulary=2 * VOCABULARY, lowercase=True)
    return field, "heard letter by letter, in lower case"


def _each(cell: object) -> list[object]:
    found = listed(cell)
    texts = found if isinstance(found, list | tuple) else [cell]
    return [text for text in texts if not is_missing(text)]


def _whole(table: Table, name: str, field: Audio) -> Audio:
    lengths = []
    for cell in table.cells(name):
        with suppress(CellError):
            lengths.append(sound(cell).seconds)
    longest = ROOM * max(lengths, default=field.seconds)
    return replace(field, seconds=round(longest + 0.05, 1), whole=True)
