"""``sensorium``: the commands together. Heavy imports wait inside each command."""

import sys
import warnings

import typer
from rich.console import Console

from sensorium.cli.compare import compare
from sensorium.cli.doctor import doctor
from sensorium.cli.evaluate import evaluate
from sensorium.cli.fit import fit
from sensorium.cli.index import index
from sensorium.cli.inspect import inspect
from sensorium.cli.plan import plan
from sensorium.cli.predict import predict
from sensorium.cli.resume import resume
from sensorium.cli.search import search
from sensorium.core.errors import SensoriumError
from sensorium.core.version import __version__

app = typer.Typer(
    name="sensorium",
    help="Learn from tables whose cells are words, pictures, sounds, numbers, dates and signals.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (inspect, fit, resume, plan, compare, evaluate, predict, index, search, doctor):
    app.command()(command)


def _version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"sensorium {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True),
) -> None:
    """Learn from tables whose cells are words, pictures, sounds, numbers, dates and signals."""


def main() -> None:
    """Run the command line; a user's fault ends in one clear message, not in a traceback."""
    warnings.filterwarnings("ignore", module="PIL")  # what is wrong with a picture we say ourselves
    try:
        app()
    except SensoriumError as error:
        console = Console(stderr=True)
        console.print(
            f"{type(error).__name__}: {error}", style="red", markup=False, highlight=False
        )
        sys.exit(2)
    except KeyboardInterrupt:
        Console(stderr=True).print("stopped; `sensorium resume RUN` goes on from the checkpoint")
        sys.exit(130)
