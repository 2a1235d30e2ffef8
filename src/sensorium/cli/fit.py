"""``sensorium fit``: from a table to a trained model and an honest report."""

from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli.options import (
    CacheGb,
    Encoders,
    Encoding,
    Folder,
    Group,
    Inputs,
    Kinds,
    Outside,
    Quality,
    Split,
    Targets,
    TaskName,
    Time,
    Urls,
    file_of,
    names,
    parsed_encoders,
    parsed_kinds,
    parsed_task,
)


def fit(
    table: Annotated[
        str | None,
        typer.Argument(help="A CSV, TSV, JSON lines, Parquet or Arrow file; a folder."),
    ] = None,
    target: Targets = None,
    plan: Annotated[
        Path | None, typer.Option(help="A TOML plan; the other flags win over it.")
    ] = None,
    task: TaskName = None,
    outside: Outside = None,
    inputs: Inputs = None,
    kind: Kinds = None,
    valid: Annotated[
        str | None, typer.Option(help='A table of rows to choose by; "" spares none.')
    ] = None,
    test: Annotated[str | None, typer.Option(help="A table of rows to be judged on.")] = None,
    split: Split = None,
    group: Group = None,
    time: Time = None,
    encoding: Encoding = None,
    folder: Folder = None,
    urls: Urls = False,
    minutes: Annotated[float | None, typer.Option(help="Time budget of training.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the rows.")] = None,
    quality: Quality = None,
    encoder: Encoders = None,
    cache_gb: CacheGb = None,  # noqa: ARG001  the flag's own callback sets it
    damaged: Annotated[
        str | None, typer.Option(help="Damaged cells: absent, skip or error.")
    ] = None,
    out: Annotated[str | None, typer.Option(help="Folder. Default: runs/TARGET-N.")] = None,
    seed: Annotated[int | None, typer.Option(help="Draws split, weights and order.")] = None,
    quiet: Annotated[bool, typer.Option(help="Show no progress.")] = False,
) -> None:
    """Learn from a table: infer kinds, choose parts, train, judge, save."""
    from sensorium import auto
    from sensorium.auto.choose import width_of
    from sensorium.cli.show import show_run
    from sensorium.config import load_plan

    settings = load_plan(plan).keywords() if plan else {}
    aim = parsed_task(task, names(inputs), target, outside) or settings.get("task")
    planned = settings.get("encoders", {})
    width = width_of(aim, planned, settings.get("fusion"))
    own = parsed_encoders(encoder, width)
    given = {
        "source": table, "target": target, "inputs": names(inputs), "kinds": parsed_kinds(kind),
        "valid": valid, "test": test, "split": split, "group": group, "time": time,
        "minutes": minutes, "epochs": epochs, "damaged": damaged, "out": out, "seed": seed,
        "quality": quality, "encoders": {**planned, **own} if own else None, "task": aim,
    }  # fmt: skip
    settings |= {name: value for name, value in given.items() if value not in (None, [], {})}
    if "source" not in settings:
        raise typer.BadParameter("name a table, or a plan that names one", param_hint="TABLE")
    source = file_of(settings.pop("source"), encoding, folder, urls)
    show_run(auto.fit(source, **settings, quiet=quiet))
