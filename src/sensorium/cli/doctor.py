"""``sensorium doctor``: the environment, and why a fit looks sick."""

from pathlib import Path
from typing import Annotated

import typer


def doctor(
    run: Annotated[Path | None, typer.Argument(help="The folder of a fit that looks sick.")] = None,
) -> None:
    """Check threads, processor, extras and disk; with RUN, read its history for signs."""
    from rich.console import Console

    from sensorium.cli.checkup import environment, signs

    console = Console(highlight=False)
    for finding in environment():
        console.print(f"{finding.name:12} {finding.found}", markup=False)
        if finding.advice:
            console.print(f"{'':12} -> {finding.advice}", style="yellow", markup=False)
    for finding in signs(run) if run else []:
        style = "yellow" if finding.advice else None
        console.print(f"{finding.name:12} {finding.found}", style=style, markup=False)
        if finding.advice:
            console.print(f"{'':12} -> {finding.advice}", style="yellow", markup=False)
