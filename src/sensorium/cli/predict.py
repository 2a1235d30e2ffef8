"""``sensorium predict``: answers for the rows of a table, each with its status."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sensorium.cli.options import table_of, write_table


def predict(
    model: Annotated[Path, typer.Argument(help="A model folder, or the folder of a fit.")],
    table: Annotated[str, typer.Argument(help="The rows to answer.")],
    out: Annotated[
        Path | None, typer.Option(help="A .csv, .jsonl or .parquet file. Default: the screen.")
    ] = None,
    scores: Annotated[bool, typer.Option(help="Add a column of probability a class.")] = False,
) -> None:
    """Answer every row; beside each answer stands which of its cells were absent or damaged."""
    from sensorium.cli.folders import model_in
    from sensorium.model import load

    loaded = load(model_in(model))
    rows = table_of(table, loaded)
    answers = loaded.answers(list(rows))
    write_table(
        [
            _line(number, answer, loaded.task.targets, scores=scores)
            for number, answer in zip(rows.row_ids, answers, strict=True)
        ],
        out,
    )


def _line(number: int, answer: Any, targets: tuple[str, ...], *, scores: bool) -> dict[str, Any]:
    values = answer.value if isinstance(answer.value, dict) else {targets[0]: answer.value}
    line: dict[str, Any] = {"row": number}
    for target in targets:
        value = values.get(target) if values else None
        line[target] = "|".join(value) if isinstance(value, list) else value
        chances = answer.scores.get(target, {})
        if chances:
            line[f"{target} confidence"] = max(chances.values())
        if scores:
            line |= {f"{target}={name}": chance for name, chance in chances.items()}
    return {**line, "status": answer.status}
