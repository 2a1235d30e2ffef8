"""The second half of a fit, which a resumed fit shares: train, judge, write the report."""

import dataclasses
from pathlib import Path

from sensorium.auto.parts import Parts
from sensorium.auto.record import Record
from sensorium.evaluate import evaluate
from sensorium.model import Model
from sensorium.train import Run, train


def finish(
    model: Model, parts: Parts, record: Record, folder: Path | None, *, resume: bool, quiet: bool
) -> Run:
    """Train, judge on the test rows, and write the report beside the model."""
    run = train(
        model, parts.train, parts.valid, plan=record.plan, out=folder, resume=resume, quiet=quiet
    )
    report = evaluate(
        run.model,
        parts.test,
        train=parts.train,
        history=run.history,
        choices=(f"rows: {parts.how}", *record.reasons, *_settled(run)),
        ledger=run.ledger,
        seed=record.plan.seed,
    )
    if folder:
        report.write(folder)
    return dataclasses.replace(run, report=report)


def _settled(run: Run) -> list[str]:
    found = [f"precision: {run.settled['precision']}"]
    times = run.settled.get("seconds_per_row")
    if times:
        shown = ", ".join(f"{name} {1 / seconds:,.0f} rows/s" for name, seconds in times.items())
        found[0] += f", measured {shown}"
    found.append(f"epochs: {run.settled['epochs']}, of which {len(run.history)} were made")
    return found
