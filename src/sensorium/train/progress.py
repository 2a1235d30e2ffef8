"""What a person sees of a fit: a bar in a terminal, a line an epoch elsewhere."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Bar:
    """Shows loss, score, rows a second and the time left. A context manager.

    Args:
        steps: how many steps the whole fit will make.
        start: how many were made already.
        quiet: show nothing.
    """

    def __init__(self, steps: int, start: int = 0, *, quiet: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet)
        self._live = self.console.is_terminal and not quiet
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self._live,
        )
        self._steps = steps
        self._start = start
        self._task: TaskID | None = None
        self._last = 0.0

    def __enter__(self) -> "Bar":
        self._progress.start()
        self._task = self._progress.add_task(
            "training", total=self._steps, completed=self._start, state=""
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def step(self, epoch: int, loss: float, score: float | None, rows_per_second: float) -> None:
        """Move on by one step."""
        if not self._live or self._task is None:
            return
        shown = f"loss {loss:.3f}" + ("" if score is None else f"  score {score:.4f}")
        self._progress.update(
            self._task,
            advance=1,
            description=f"epoch {epoch + 1}",
            state=f"{shown}  {rows_per_second:,.0f} rows/s",
        )

    def epoch(self, record: Mapping[str, Any], epochs: int, steps: int) -> None:
        """Show the end of an epoch; outside a terminal at most one line in two seconds.

        Args:
            record: of the epoch.
            epochs: how many the whole fit will make, as is known by now.
            steps: how many batches these have.
        """
        if self._task is not None:
            self._progress.update(self._task, total=steps)
        for note in record.get("notes", ()):
            self.console.print(note, highlight=False, markup=False, soft_wrap=True)
        last = record["epoch"] + 1 == epochs
        if self._live or (time.monotonic() - self._last < 2 and not last):
            return
        self._last = time.monotonic()
        score = "" if record.get("score") is None else f"  score {record['score']:.4f}"
        self.console.print(
            f"epoch {record['epoch'] + 1}/{epochs}  loss {record['loss']:.4f}{score}  "
            f"{record['rows_per_second']:,.0f} rows/s  {record['seconds']:.0f} s",
            highlight=False,
        )


@contextmanager
def reading(rows: int, *, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """Show, in a terminal, how many rows were read; gives what is to be told their number."""
    console = Console(stderr=True, quiet=quiet)
    with Progress(console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("reading", total=rows)
        yield lambda count: bar.update(task, completed=count)
