"""What the commands print of runs and reports."""

from typing import TYPE_CHECKING

from rich.console import Console

from sensorium.core.counted import counted

if TYPE_CHECKING:
    from sensorium.core.faults import Ledger
    from sensorium.train import Run


def show_run(run: "Run") -> None:
    """Print the report's first lines, the damaged cells, and where everything lies."""
    console = Console(highlight=False)
    if run.report is not None:
        console.print(run.report.summary(), markup=False)
    show_damaged(run.ledger)
    if run.folder:
        console.print(f"\nreport  {run.folder / 'report.html'}", markup=False, soft_wrap=True)
        console.print(f"model   {run.folder / 'model'}", markup=False, soft_wrap=True)


def show_damaged(ledger: "Ledger") -> None:
    """Print how many cells are damaged, and the first few, a line each."""
    if len(ledger):
        console = Console(highlight=False)
        console.print(f"\n{counted(len(ledger), 'damaged cell')}:", style="yellow")
        console.print(ledger.message(5), markup=False, soft_wrap=True)
