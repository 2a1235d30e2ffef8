"""Training: one readable loop. ``Fit`` holds the state, this file the order of things."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sensorium.core.errors import ArtifactError, TrainingError
from sensorium.core.faults import Ledger
from sensorium.data.read import read
from sensorium.data.table import Table
from sensorium.model import Model
from sensorium.preprocess import Extractor, Shelf
from sensorium.tasks.listener import short_note
from sensorium.train.checkpoint import newest
from sensorium.train.failures import explained
from sensorium.train.fit import Fit
from sensorium.train.mix import check_mixable
from sensorium.train.optimisers import rate_at
from sensorium.train.plan import Plan
from sensorium.train.progress import Bar, reading
from sensorium.train.run import Run

OnStep = Callable[[int, Mapping[str, Tensor]], None]


def train(
    model: Model,
    table: Any,
    valid: Any = None,
    *,
    plan: Plan | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    on_step: OnStep | None = None,
    quiet: bool = False,
) -> Run:
    """Train a model.

    Args:
        model: the model; its weights are changed in place.
        table: the training rows: a ``Table``, whatever ``read`` takes, or a ``Shelf`` of cells that
            were read already.
        valid: rows, likewise, that choose the best epoch and the thresholds.
        plan: how to train; None is ``Plan()``.
        out: a folder for checkpoints, metrics.jsonl, ledger.jsonl and the model; None writes none.
        resume: go on from the newest checkpoint in ``out``.
        on_step: called after each batch with (batches so far, named losses).
        quiet: show no progress.

    Errors:
        PlanError: the plan mixes rows whose columns cannot be mixed.
        TableError: damaged cells under the policy ``"error"``, or no row is left to learn from.
        TrainingError: a loss that is not finite, no memory, a full disk.
        ArtifactError: ``out`` holds a fit already and ``resume`` is False, or a torn checkpoint.
    """
    plan = plan or Plan()
    check_mixable(model, plan)
    folder, ledger = _folder(out, resume=resume), Ledger()
    with _threads(plan.threads), explained(folder):
        views = model.extractors(plan.augment, plan.views)
        shelves = [
            _shelf(model, table, ledger, folder, views, quiet=quiet),
            _shelf(model, valid, ledger, folder, quiet=quiet),
        ]
        fit = Fit.begin(model, _filled(shelves[0]), shelves[1], plan, folder, ledger)
        with Bar(fit.steps, fit.progress.total, quiet=quiet) as bar:
            while not fit.progress.done:
                fit.model.train()
                _epoch(fit, bar, on_step)
                record = _record(fit)
                fit.end_epoch(record)
                bar.epoch(record, fit.epochs, fit.steps)
        return fit.finish()


def _epoch(fit: Fit, bar: Bar, on_step: OnStep | None) -> None:
    start = time.perf_counter()
    for batch in fit.batches():
        losses = fit.step(batch)
        now = time.perf_counter()
        _count(fit, losses, len(batch), now - start)  # waiting for the batch counts too
        start = now
        progress = fit.progress
        running = progress.running
        speed = running["rows"] / max(running["seconds"], 1e-9)
        bar.step(progress.epoch, running["loss"] / running["rows"], progress.best, speed)
        if on_step:
            on_step(progress.total, losses)
        if fit.due and progress.step % fit.plan.accumulate == 0:
            fit.save()


def _count(fit: Fit, losses: Mapping[str, Tensor], rows: int, seconds: float) -> None:
    values = torch.stack(list(losses.values())).tolist()
    running = fit.progress.running
    added = {"rows": rows, "seconds": seconds, "loss": sum(values) * rows}
    added |= {f"loss/{name}": value * rows for name, value in zip(losses, values, strict=True)}
    for name, value in added.items():
        running[name] = running.get(name, 0.0) + value
    fit.progress.seconds += seconds


def _record(fit: Fit) -> dict[str, Any]:
    progress, start = fit.progress, time.perf_counter()
    running, rows = progress.running, progress.running["rows"]
    scored = fit.validate()
    short = progress.short if progress.epoch == 0 else {}  # by then every row was met
    notes = [short_note(target, rows) for target, rows in short.items() if rows]
    progress.seconds += time.perf_counter() - start
    return {
        "epoch": progress.epoch,
        "step": progress.total,
        "loss": running["loss"] / rows,
        "losses": {k[5:]: v / rows for k, v in running.items() if k.startswith("loss/")},
        "rate": rate_at(progress.total - 1, fit.steps, fit.plan),
        "rows_per_second": rows / max(running["seconds"], 1e-9),
        "seconds": progress.seconds,
        **scored,
        **({"notes": notes} if notes else {}),
    }


def _folder(out: str | Path | None, *, resume: bool) -> Path | None:
    if out is None:
        if resume:
            msg = "resume=True needs out, the folder of the fit to go on with"
            raise TrainingError(msg)
        return None
    folder = Path(out)
    last = newest(folder)
    if last and not resume:
        msg = f"{folder} holds a fit already; pass resume=True to go on with it, or another folder"
        raise ArtifactError(msg)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _shelf(
    model: Model,
    rows: Any,
    ledger: Ledger,
    folder: Path | None,
    extractors: Mapping[str, Extractor] | None = None,
    *,
    quiet: bool,
) -> Any:
    if rows is None or isinstance(rows, Shelf):
        return rows
    if not isinstance(rows, Table):
        rows = read(rows).with_schema(model.schema)
    with reading(len(rows), quiet=quiet) as on_row:
        return model.shelf(rows, ledger, folder=folder, on_row=on_row, extractors=extractors)


def _filled(shelf: Shelf) -> Shelf:
    if len(shelf) == 0:
        msg = "no row is left to learn from: the table is empty or every row was skipped"
        raise TrainingError(msg)
    return shelf


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    torch.set_flush_denormal(True)  # tiny numbers are many times slower than 0
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(before)
