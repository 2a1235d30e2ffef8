"""``sensorium predict``: answers for the rows of a table, each with its status."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from sensorium.cli.options import (
    CacheGb,
    Encoding,
    Folder,
    Urls,
    file_of,
    names,
    table_of,
    write_table,
)
from sensorium.core.counted import counted
from sensorium.core.schema import Spans


def predict(
    model: Annotated[Path, typer.Argument(help="A model folder, or the folder of a fit.")],
    table: Annotated[
        str, typer.Argument(help="The rows to answer; or a recording of any length, to transcribe.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="A .csv, .jsonl or .parquet file. Default: the screen.")
    ] = None,
    scores: Annotated[
        bool, typer.Option(help="Add a column of probability a class; of a recording, each word.")
    ] = False,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            help="Names joined by commas or one a flag: an aligned model tells them by their words."
        ),
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="With --classes: the column whose cells are told apart.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="With --classes: the text column that names stand for.")
    ] = None,
    template: Annotated[
        list[str] | None,
        typer.Option(help='With --classes: a sentence, "a photo of a {}". Repeatable.'),
    ] = None,
    encoding: Encoding = None,
    folder: Folder = None,
    urls: Urls = False,
    cache_gb: CacheGb = None,  # noqa: ARG001  the flag's own callback sets it
) -> None:
    """Answer every row; beside each answer stands which of its cells were absent or damaged."""
    from sensorium.auto.listen import answers_of, is_recording, transcribe
    from sensorium.model import load
    from sensorium.search import ZeroShot

    loaded = load(model)
    if is_recording(table):
        return write_table(_said(transcribe(loaded, table), loaded.task, words=scores), out)
    rows = table_of(file_of(table, encoding, folder, urls), loaded)
    if classes is not None:
        if column is None:
            raise typer.BadParameter("name the column, --column NAME", param_hint="--classes")
        told = ZeroShot(loaded, column, names(classes) or (), by=by, templates=template or ["{}"])
        return write_table(_told(told, rows, scores=scores), out)
    answers = answers_of(loaded, list(rows))
    lines = [
        _line(number, answer, loaded, scores=scores)
        for number, answer in zip(rows.row_ids, answers, strict=True)
    ]
    write_table(lines, out)
    if out is not None:
        spoilt = sum(bool(answer.faults) for answer in answers)
        damaged = f", {spoilt:,} of them with damaged cells" if spoilt else ""
        typer.echo(f"{counted(len(lines), 'row')} in {out}{damaged}")
    return None


def _said(transcript: Any, task: Any, *, words: bool) -> list[dict[str, Any]]:
    """Lay out what was said: in one line, or word by word, where their times are known."""
    if words and transcript.words:
        return [
            {"word": w.text, "start": w.start, "end": w.end, "confidence": round(w.confidence, 3)}
            for w in transcript.words
        ]
    return [{task.target: transcript.text, "status": "; ".join(transcript.notes) or "ok"}]


def _names(task: Any) -> tuple[str, ...]:
    """Name the answers: the targets, or the pairs of columns that are compared."""
    return tuple("~".join(pair) for pair in getattr(task, "pairs", ())) or task.targets


def _told(told: Any, table: Any, *, scores: bool) -> list[dict[str, Any]]:
    """Lay out which class each row is of."""
    rows, column = list(table), told.column
    lines = []
    for number, name, chances in zip(
        table.row_ids, told.predict(*rows), told.scores(*rows).tolist(), strict=True
    ):
        line = {"row": number, column: name}
        if scores:
            line |= {f"{column}={c}": p for c, p in zip(told.classes, chances, strict=True)}
        lines.append(line)
    return lines


def _line(number: int, answer: Any, model: Any, *, scores: bool) -> dict[str, Any]:
    targets = _names(model.task)
    values = _by_target(answer.value, targets, model.task)
    line: dict[str, Any] = {"row": number}
    for target in targets:
        value = values.get(target)
        line[target] = _cell(value, model.schema.targets.get(target))
        chances = answer.scores.get(target, {})
        if chances:
            line[f"{target} confidence"] = max(chances.values())
        if scores:
            line |= {f"{target}={name}": chance for name, chance in chances.items()}
            line |= _ranks(target, value)
    return {**line, "status": answer.status}


def _by_target(value: Any, targets: tuple[str, ...], task: Any) -> dict[str, Any]:
    """Give an answer's value by target; a command's stand under the names of its parts."""
    if isinstance(value, dict) and isinstance(getattr(task, "intent", None), str):
        slots = value["slots"]
        named = {task.slots: slots} if isinstance(task.slots, str) else slots
        return {**named, task.intent: value["intent"]}
    return value if isinstance(value, dict) else {targets[0]: value}


def _cell(value: Any, field: Any) -> Any:
    """Lay a value out as tables write it: names joined by a bar, slots as JSON, spans as a list."""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if _is_ranked(value):
        value = [found["keyword"] for found in value]
    return "|".join(value) if isinstance(value, list) and not isinstance(field, Spans) else value


def _is_ranked(value: Any) -> bool:
    """Tell keywords with their scores from spans and tags."""
    firsts = value[:1] if isinstance(value, list) else []
    return any(isinstance(first, dict) and "keyword" in first for first in firsts)


def _ranks(target: str, value: Any) -> dict[str, Any]:
    if not _is_ranked(value):
        return {}
    return {f"{target} scores": [round(found["score"], 4) for found in value]}
