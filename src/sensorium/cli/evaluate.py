"""``sensorium evaluate``: judge a trained model on a table."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli.options import CacheGb, Encoding, Folder, Urls, file_of, names, table_of


def evaluate(
    model: Annotated[Path, typer.Argument(help="A model folder, or the folder of a fit.")],
    table: Annotated[str, typer.Argument(help="Rows whose targets are known.")],
    without: Annotated[
        list[str] | None,
        typer.Option(help="Columns to take away, joined by commas or one a flag."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for report.html, .md and .json.")] = None,
    encoding: Encoding = None,
    folder: Folder = None,
    urls: Urls = False,
    cache_gb: CacheGb = None,  # noqa: ARG001  the flag's own callback sets it
) -> None:
    """Score a model with intervals; say whether fusing its columns helps."""
    from sensorium.auto.record import learned_from
    from sensorium.cli.show import show_damaged
    from sensorium.core.faults import Ledger
    from sensorium.evaluate import evaluate as judge
    from sensorium.model import load

    loaded, ledger = load(model), Ledger()
    report = judge(
        loaded,
        table_of(file_of(table, encoding, folder, urls), loaded),
        without=names(without) or (),
        ledger=ledger,
    )
    if seen := learned_from(model, table):
        rows = "row was" if seen == 1 else "rows were"
        note = f"{seen:,} of the table's {rows} learned from: the figures flatter the model."
        report = replace(report, notes=(note, *report.notes))
    typer.echo(report.summary())
    show_damaged(ledger)
    if out:
        report.write(out)
        typer.echo(f"\nreport  {out / 'report.html'}")
