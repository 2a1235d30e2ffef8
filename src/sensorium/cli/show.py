"""What the commands print of runs and reports."""

from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from sensorium.train import Run


def show_run(run: "Run") -> None:
    """Print the report's first lines, the damaged cells, and where everything lies."""
    console = Console(highlight=False)
    if run.report is not None:
        console.print(run.report.summary(), markup=False)
    if len(run.ledger):
        console.print(f"\n{len(run.ledger)} damaged cells:", style="yellow")
        console.print(run.ledger.message(5), markup=False)
    if run.folder:
        console.print(f"\nreport  {run.folder / 'report.html'}", markup=False, soft_wrap=True)
        console.print(f"model   {run.folder / 'model'}", markup=False, soft_wrap=True)
