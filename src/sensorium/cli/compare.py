"""``sensorium compare``: train each modality alone, the best pair and the late average, in full."""

from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli.options import CacheGb


def compare(
    run: Annotated[Path, typer.Argument(help="The folder of a finished fit.")],
    out: Annotated[
        Path | None, typer.Option(help="Where to write. Default: RUN/comparison.")
    ] = None,
    quiet: Annotated[bool, typer.Option(help="Show no progress.")] = False,
    cache_gb: CacheGb = None,  # noqa: ARG001  the flag's own callback sets it
) -> None:
    """Does fusion help? Trains the baselines on the same budget and lays them side by side."""
    from sensorium.compare import compare_run

    comparison = compare_run(run, quiet=quiet)
    typer.echo(comparison.summary())
    comparison.write(out or run / "comparison")
    typer.echo(f"\ncomparison  {(out or run / 'comparison') / 'comparison.html'}")
