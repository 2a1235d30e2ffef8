"""What several commands' flags share: kinds, lists, tables."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorium.core.errors import PlanError, SchemaError, all_at_once, nearest
from sensorium.core.schema import FIELDS, Field

if TYPE_CHECKING:
    from sensorium.data import Table
    from sensorium.encoders import Encoder
    from sensorium.tasks import Task

Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", help="Override a column's kind: NAME=text, NAME=image, ... Repeatable."),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(help="Columns to learn from, joined by commas or one a flag. Default: all."),
]

Encoders = Annotated[
    list[str] | None,
    typer.Option(
        "--encoder",
        help="A column's pretrained encoder: NAME=FOLDER (or minilm, efficientnet-lite0, a hub "
        "id in the local cache). Repeatable.",
    ),
]
TaskName = Annotated[
    str | None,
    typer.Option(
        "--task",
        help="align (one space for the --inputs), caption, describe, answer, transcribe, keywords, "
        "extract or command. Default: by target.",
    ),
]
Targets = Annotated[
    list[str] | None, typer.Option("--target", "-t", help="Column to learn. Repeatable.")
]
Split = Annotated[str | None, typer.Option(help="A column that says train, valid or test.")]
Group = Annotated[str | None, typer.Option(help="A column whose equal values stay together.")]
Time = Annotated[str | None, typer.Option(help="A date column: the latest rows are held out.")]
Outside = Annotated[
    str | None, typer.Option(help="With --task command: the intent of rows that ask for nothing.")
]
Encoding = Annotated[
    str | None, typer.Option(help="The table's encoding, such as cp1252. Default: UTF-8.")
]
Folder = Annotated[
    Path | None, typer.Option(help="Where file names in cells start. Default: the table's folder.")
]
Urls = Annotated[bool, typer.Option("--urls", help="Download what cells name by http(s) address.")]
WORDED = ("answer", "caption", "command", "describe", "extract", "keywords", "transcribe")
"""Tasks that end in words, by the name of their class."""
MEANT = {
    "sound": "audio", "voice": "audio", "picture": "image", "photo": "image", "words": "text",
    "string": "text", "str": "text", "float": "number", "int": "number", "integer": "number",
    "numeric": "number", "class": "category", "label": "category", "tags": "category",
    "bool": "flag", "boolean": "flag", "time": "date", "datetime": "date", "signal": "series",
}  # fmt: skip
"""What others call the kinds."""
Quality = Annotated[
    str | None,
    typer.Option(help="fast: from these rows alone; good, best: on pretrained encoders."),
]


def _limit(context: Any, gigabytes: float | None) -> float | None:
    """Let the limit hold until the command ends, which is when its context closes."""
    from sensorium.store import limited

    context.with_resource(limited(gigabytes))
    return gigabytes


CacheGb = Annotated[
    float | None,
    typer.Option(
        callback=_limit,
        min=0,
        help="Disk for features of frozen encoders, GB; 0 keeps none. Default: 10.",
    ),
]
"""For every command that runs encoders; its callback does all."""


def parsed_encoders(pairs: list[str] | None, width: int) -> "dict[str, Encoder]":
    """Turn ``NAME=SOURCE`` flags into pretrained encoders of the common width.

    Errors:
        SchemaError: a flag without "=".
    """
    from sensorium.encoders import Pretrained

    found: dict[str, Encoder] = {}
    for pair in pairs or []:
        name, sign, source = pair.partition("=")
        if not sign or not source:
            msg = f"--encoder {pair!r}: write NAME=FOLDER, such as --encoder photo=models/dinov2"
            raise SchemaError(msg)
        found[name] = Pretrained(source, width=width)
    return found


def parsed_task(
    name: str | None,
    inputs: list[str] | None,
    targets: list[str] | None,
    outside: str | None = None,
) -> "Task | None":
    """Turn ``--task``, and ``--outside`` beside it, into a task.

    Errors:
        PlanError: a task that is not known, or one that lacks its columns.
    """
    if outside is not None and name != "command":
        raise PlanError(f"--outside {outside!r} goes with --task command")
    if name is None:
        return None
    from sensorium import tasks

    if name == "align":
        return tasks.Align(*(inputs or ()))
    known = {part: getattr(tasks, part.capitalize()) for part in WORDED}
    if name not in known:
        told = nearest(name, ["align", *known])
        msg = f"--task {name!r} is none{told}; labels and numbers are told by --target alone"
        raise PlanError(msg)
    if not targets:
        msg = f"--task {name} needs the column to learn: --target NAME"
        raise PlanError(msg)
    first, *slots = targets
    if name == "command":
        return tasks.Command(first, slots[0] if len(slots) == 1 else slots or None, outside=outside)
    if slots:
        msg = f"--task {name} learns one column, found --target {', --target '.join(targets)}"
        raise PlanError(msg)
    task: Task = known[name](first)
    return task


def parsed_kinds(pairs: list[str] | None) -> dict[str, Field]:
    """Turn ``NAME=kind`` flags into fields.

    Errors:
        SchemaError: a flag without "=", or an unknown kind.
    """
    known = {name.lower(): field for name, field in FIELDS.items()}
    fields, faults = {}, []
    for pair in pairs or []:
        name, sign, kind = pair.rpartition("=")
        said = kind.lower()
        if not sign:
            faults.append(f"--kind {pair!r}: write NAME=KIND, such as --kind price=number")
        elif said not in known:
            near = f" (did you mean {MEANT[said]!r}?)" if said in MEANT else nearest(said, known)
            faults.append(f"--kind {pair!r}: there is no kind {kind!r}{near}")
        else:
            fields[name] = known[said]()
    if faults:
        raise SchemaError(all_at_once("These kinds cannot be:", faults))
    return fields


def names(flags: list[str] | None) -> list[str] | None:
    """Split names joined by commas, of one flag or several."""
    if flags is None:
        return None
    return [name.strip() for flag in flags for name in flag.split(",") if name.strip()]


def write_table(rows: list[dict[str, Any]], file: Path | None) -> None:
    """Write rows as CSV, JSON lines or Parquet by suffix; CSV to the screen when there is none.

    The columns are those of all rows, not of the first alone; the status stands last.
    """
    import pyarrow as pa

    from sensorium.data import write

    columns = sorted({name: None for row in rows for name in row}, key=lambda n: n == "status")
    table = pa.table({name: pa.array([row.get(name) for row in rows]) for name in columns})
    if file is None:
        typer.echo(write.to_text(table), nl=False)
    else:
        write.to_file(table, file)


def file_of(source: Any, encoding: str | None, folder: Path | None, urls: bool) -> Any:
    """Name a table's file, with how to read it if anything is said of that."""
    if not (encoding or folder or urls):
        return source
    from sensorium.data import TableFile

    file = source if isinstance(source, TableFile) else TableFile(source)
    return TableFile(file.path, encoding or file.encoding, folder or file.folder, urls or file.urls)


def table_of(source: Any, model: Any) -> "Table":
    """Read a table for a trained model; targets may be missing from it."""
    from sensorium.data import read

    return read(source).with_schema(model.schema, partial=True)
