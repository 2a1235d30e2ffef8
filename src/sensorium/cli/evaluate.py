"""``sensorium evaluate``: judge a trained model on a table."""

from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli.options import CacheGb, names, table_of


def evaluate(
    model: Annotated[Path, typer.Argument(help="A model folder, or the folder of a fit.")],
    table: Annotated[str, typer.Argument(help="Rows whose targets are known.")],
    without: Annotated[
        str | None, typer.Option(help="Columns to take away, joined by commas.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for report.html, .md and .json.")] = None,
    cache_gb: CacheGb = None,  # noqa: ARG001  the flag's own callback sets it
) -> None:
    """Score a model with intervals; say whether fusing its columns helps."""
    from sensorium.cli.folders import model_in
    from sensorium.core.faults import Ledger
    from sensorium.evaluate import evaluate as judge
    from sensorium.model import load

    loaded, ledger = load(model_in(model)), Ledger()
    report = judge(loaded, table_of(table, loaded), without=names(without) or (), ledger=ledger)
    typer.echo(report.summary())
    if out:
        report.write(out)
        typer.echo(f"\nreport  {out / 'report.html'}")
