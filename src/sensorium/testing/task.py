"""``check_task``: everything that a task promises, tried on its own targets and made-up features.

    from sensorium.testing import check_task

    def test_my_task():
        steps = {"mood": prep.steps["mood"]}
        check_task(lambda: MyTask("mood"), steps, {"mood": steps["mood"](cells)})

Legend: rows = batch, width = features of a vector, parts = input columns.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sensorium.core.batch import Batch, Column, Features, Fused
from sensorium.core.describe import build, describe
from sensorium.core.errors import PartError
from sensorium.core.schema import FIELDS
from sensorium.preprocess import Step, step_for
from sensorium.tasks.task import Task
from sensorium.testing.checks import TOLERANCES, demand, distance, explained, noise, seeded
from sensorium.testing.features import (
    PARTS,
    WIDTH,
    batch_rows,
    changed,
    fused_rows,
    leaves_of,
    made_up,
    slopes_of,
    without_targets,
)
from sensorium.testing.gradients import check_gradients, shake
from sensorium.testing.process import address, locate, run

JOB, WEIGHTS, GIVEN, FOUND = "job.json", "weights.safetensors", "in.safetensors", "out.safetensors"
LEARNING_STEPS = 60


def check_task(
    make: Callable[[], Task],
    steps: Mapping[str, Step],
    targets: Mapping[str, Column],
    *,
    new_process: bool = True,
) -> None:
    """Check every promise of a task.

    Losses are numbers that can be learned from and averages over rows; the same seed gives the
    same numbers; the order of rows changes nothing; rows without the target and parts that are
    absent count for nothing, and a batch without any target has a loss of exactly 0; answers need
    no targets, and there is one a row; heads know which rows have a truth, and their scores take
    weights; gradients agree with finite differences; saved, described and built again it gives
    the same bits, in a new process too.

    Args:
        make: makes the task, before ``setup``.
        steps: the fitted steps of its targets.
        targets: the targets as tensors: the same rows of each, at least 4, all present.
        new_process: also load it in a new process, which takes some seconds.

    Errors:
        ContractError: the first promise that is broken.
    """
    rows = {len(column.present) for column in targets.values()}
    present = all(bool(column.present.all()) for column in targets.values())
    demand(len(rows) == 1 and min(rows) >= 4 and present, "targets", "give 4 or more present rows")
    case = Case(make, steps, Batch(dict(targets), tuple(range(rows.pop()))))
    for check in (
        _check_losses,
        _check_answers,
        _check_heads,
        _check_seed,
        _check_order,
        _check_average,
        _check_absent_targets,
        _check_no_targets,
        _check_absent_parts,
        _check_gradients,
        _check_learning,
        _check_saving,
    ):
        with explained(check.__name__.removeprefix("_check_").replace("_", " ")):
            check(case)
    if new_process:
        _check_new_process(case)


@dataclass(frozen=True)
class Case:
    """A task to be, and targets to try it on."""

    make: Callable[[], Task]
    steps: Mapping[str, Step]
    batch: Batch

    def task(self, seed: int = 0) -> Task:
        """Make the task with weights of a seed, ready for use."""
        task = self.make()
        missing = [target for target in task.targets if target not in self.steps]
        demand(not missing, "targets", f"the task learns {missing}, no step was given for them")
        with seeded(seed):
            task.setup(WIDTH, PARTS, {target: self.steps[target] for target in task.targets})
        return task.eval()

    def fused(self) -> Fused:
        """Make up fused features; the last rows lack one part or all."""
        return made_up(len(self.batch))


def _losses(task: Task, fused: Fused, batch: Batch) -> dict[str, Tensor]:
    features: Features = task(fused, batch)
    return task.loss(features, batch)


def _total(task: Task, fused: Fused, batch: Batch) -> Tensor:
    return torch.stack(list(_losses(task, fused, batch).values())).sum()


def _check_losses(case: Case) -> None:
    task = case.task()
    losses = _losses(task, case.fused(), case.batch)
    demand(losses, "losses", "loss gave no losses")
    for name, loss in losses.items():
        right = isinstance(name, str) and loss.ndim == 0 and loss.is_floating_point()
        demand(right, "losses", f"loss {name!r} is not one number: {tuple(loss.shape)}")
        demand(loss.isfinite(), "losses", f"loss {name!r} is {loss.item()}")
        demand(loss.requires_grad, "losses", f"loss {name!r} is detached from the weights")


def _check_answers(case: Case) -> None:
    task, fused = case.task(), case.fused()
    answers = task.predict(task(fused, case.batch))
    rows = len(case.batch)
    right = isinstance(answers, list) and len(answers) == rows
    demand(right, "answers", f"{rows} rows should give a list of {rows} answers")
    if getattr(task, "heads", None):
        blind = task.predict(task(fused, without_targets(case.batch)))
        demand(blind == answers, "answers", "without the targets at hand the answers are others")


def _check_heads(case: Case) -> None:
    task, rows = case.task(), len(case.batch)
    features = task(case.fused(), case.batch)
    for target, head in (getattr(task, "heads", None) or {}).items():
        truth, decided = (
            head.truth(case.batch.columns[target]),
            head.decide(features.outputs[target]),
        )
        for what, value in (
            ("truth", truth),
            ("decide", decided),
            ("answers", head.answers(decided)),
            ("errors", head.errors(truth, decided)),
        ):
            demand(len(value) == rows, "heads", f"{what} of {target!r} gave {len(value)} rows")
        demand(head.known(truth).all(), "heads", f"a present {target!r} has no known truth")
        gone = head.truth(without_targets(case.batch).columns[target])
        demand(not head.known(gone).any(), "heads", f"an absent {target!r} has a known truth")
        scores = head.metrics(truth, decided)
        demand(head.primary in scores, "heads", f"{head.primary!r} is not among {list(scores)}")
        even = head.metrics(truth, decided, np.ones((2, rows)))
        same = all(np.allclose(even[k], v, equal_nan=True) for k, v in scores.items())
        demand(same, "heads", f"weights of 1 change the scores of {target!r}")


def _check_seed(case: Case) -> None:
    one, two = case.task().state_dict(), case.task().state_dict()
    unlike = [name for name, weight in one.items() if not torch.equal(weight, two[name])]
    demand(not unlike, "seed", f"the same seed gave other weights: {unlike}")
    drawn = []
    for _ in range(2):
        task = case.task().train()
        with seeded(7):
            drawn.append(_losses(task, case.fused(), case.batch))
    _demand_equal("seed", "a second task of the same seed", *drawn)


def _demand_equal(
    promise: str, what: str, left: Mapping[str, Tensor], right: Mapping[str, Tensor]
) -> None:
    demand(list(left) == list(right), promise, f"{what} gives losses {list(right)}")
    unlike = [name for name in left if not torch.equal(left[name], right[name])]
    demand(not unlike, promise, f"{what} changes the losses {unlike}")


def _check_order(case: Case) -> None:
    task = case.task().double()
    fused = changed(case.fused(), Tensor.double)
    order = torch.arange(len(case.batch)).flip(0)
    straight = _losses(task, fused, case.batch)
    turned = _losses(task, fused_rows(fused, order), batch_rows(case.batch, order))
    for name, loss in straight.items():
        gap = distance(loss, turned[name])
        message = f"the rows in another order change the loss {name!r} ({gap:.1e} apart)"
        demand(gap <= TOLERANCES["order"], "order", message)
    answers = task.predict(task(fused, case.batch))
    turned_answers = task.predict(task(fused_rows(fused, order), batch_rows(case.batch, order)))
    demand(answers[::-1] == turned_answers, "order", "the rows in another order change the answers")


def _check_average(case: Case) -> None:
    task, fused = case.task().double(), changed(case.fused(), Tensor.double)
    twice = torch.arange(len(case.batch)).repeat(2)
    once = _losses(task, fused, case.batch)
    doubled = _losses(task, fused_rows(fused, twice), batch_rows(case.batch, twice))
    for name, loss in once.items():
        near = distance(loss, doubled[name]) <= TOLERANCES["order"]
        demand(near, "average", f"the loss {name!r} grows with the rows; average over them")


def _check_absent_targets(case: Case) -> None:
    """Rows 0 and 1 lose their targets; what stands there must not matter."""
    lost = torch.arange(len(case.batch)) < 2
    columns, noisy = {}, {}
    for name, column in case.batch.columns.items():
        columns[name] = replace(column, present=~lost)
        values = column.values.clone()
        values[lost] = noise(column.values, seed=3)[lost]
        if values.is_floating_point():
            values[0] = float("nan")
        mask = torch.where(lost[:, None], ~column.mask, column.mask)
        noisy[name] = Column(values, mask, ~lost)
    batch, other = (replace(case.batch, columns=c) for c in (columns, noisy))
    task, (fused, leaves) = case.task(), leaves_of(case.fused())
    expected = _losses(task, fused, batch)
    found = _losses(task, fused, other)
    _demand_equal("absent targets", "what stands in an absent target", expected, found)
    slopes = slopes_of(torch.stack(list(found.values())).sum(), leaves)
    silent = not any(slope[lost].any() for slope in slopes)
    demand(silent, "absent targets", "rows without a target get a gradient; it must be exactly 0")
    kept = (~lost).nonzero().squeeze(1)
    few = _losses(task, fused_rows(case.fused(), kept), batch_rows(case.batch, kept))
    for name, loss in few.items():
        near = distance(loss, expected[name]) <= 1e-5
        message = f"loss {name!r} is not the average of the rows that have the target"
        demand(near, "absent targets", message)


def _check_no_targets(case: Case) -> None:
    task, (fused, leaves) = case.task(), leaves_of(case.fused())
    losses = _losses(task, fused, without_targets(case.batch))
    wrong = {name: loss.item() for name, loss in losses.items() if loss.item() != 0.0}
    demand(not wrong, "no targets", f"without any target the losses are {wrong}, not 0")
    attached = all(loss.requires_grad for loss in losses.values())
    demand(attached, "no targets", "a loss of 0 must keep its graph, so that backward works")
    weights = [p for p in task.parameters() if p.requires_grad]
    slopes = slopes_of(torch.stack(list(losses.values())).sum(), [*leaves, *weights])
    zero = not any(slope.any() for slope in slopes)
    demand(zero, "no targets", "without any target the gradients are not 0")


def _check_absent_parts(case: Case) -> None:
    task, (fused, _) = case.task(), leaves_of(case.fused())
    total = _total(task, fused, case.batch)
    for name, part in fused.parts.items():
        slope = slopes_of(total, [part])[0]
        silent = not slope[~fused.present[name]].any()
        message = f"rows without {name!r} teach the head of {name!r} alone"
        demand(silent, "absent parts", message)
    gone = {name: torch.zeros_like(there) for name, there in fused.present.items()}
    finite = _total(task, replace(fused, present=gone), case.batch).isfinite()
    demand(finite, "absent parts", "a batch without any input has a loss that is not finite")


def _check_gradients(case: Case) -> None:
    task = case.task().double()
    shake(list(task.parameters()))
    fused, leaves = leaves_of(changed(case.fused(), Tensor.double))
    weights = {name: p for name, p in task.named_parameters() if p.requires_grad}
    total = _total(task, fused, case.batch)
    used = torch.autograd.grad(total, list(weights.values()), allow_unused=True)
    # Weights for parts alone rest while there is no auxiliary loss; that is no fault.
    busy = {n: p for (n, p), slope in zip(weights.items(), used, strict=True) if slope is not None}
    demand(busy, "gradients", "the losses depend on no weight at all")
    check_gradients(lambda: _total(task, fused, case.batch), busy, leaves)


def _check_learning(case: Case) -> None:
    task = case.task().train()
    fused, leaves = leaves_of(case.fused())
    optimiser = torch.optim.Adam([*task.parameters(), *leaves], lr=0.05)
    totals = []
    for _ in range(LEARNING_STEPS):
        optimiser.zero_grad()
        with seeded(7):
            total = _total(task, fused, case.batch)
        torch.autograd.backward(total)
        optimiser.step()
        totals.append(total.item())
    message = f"{LEARNING_STEPS} steps on one batch moved the loss from {totals[0]:.3f} to "
    demand(totals[-1] < totals[0], "learning", message + f"{totals[-1]:.3f}")


def _outcome(task: Task, rows: int, batch: Batch) -> dict[str, Tensor]:
    """Give outputs and losses, as tensors to compare."""
    features: Features = task(made_up(rows), batch)
    alone = {
        f"alone {name} {target}": output
        for name, by_target in features.alone.items()
        for target, output in by_target.items()
    }
    losses = {f"loss {name}": loss for name, loss in task.loss(features, batch).items()}
    outputs = {f"output {name}": output for name, output in features.outputs.items()}
    return {k: v.detach().clone() for k, v in {**outputs, **alone, **losses}.items()}


def _check_saving(case: Case) -> None:
    first = case.task()
    classes = _classes(first)
    try:
        description = json.loads(json.dumps(describe(first)))
        again: Task = build(description, classes)
    except (PartError, TypeError) as error:
        demand(kept=False, promise="saving", message=f"it cannot be built again: {error}")
        raise
    with seeded(99):
        again.setup(WIDTH, PARTS, {target: case.steps[target] for target in again.targets})
    again.load_state_dict(first.state_dict())
    rows = len(case.batch)
    expected, found = (_outcome(task.eval(), rows, case.batch) for task in (first, again))
    what = "building from the description and loading the weights"
    _demand_equal("saving", what, expected, found)


def _classes(task: Task) -> dict[str, type]:
    """List the class of the task and of tasks inside it."""
    inside = [part for part in task.modules() if isinstance(part, Task)]
    return {type(part).__name__: type(part) for part in inside}


def _check_new_process(case: Case) -> None:
    task = case.task()
    expected = _outcome(task, len(case.batch), case.batch)
    with TemporaryDirectory() as name:
        folder = Path(name)
        job: dict[str, Any] = {
            "classes": {name: address(part) for name, part in _classes(task).items()},
            "task": describe(task),
            "steps": {
                target: {"field": describe(step.field), "state": dict(step.state())}
                for target, step in case.steps.items()
            },
        }
        (folder / JOB).write_text(json.dumps(job), encoding="utf-8")
        save_file({k: w.contiguous() for k, w in task.state_dict().items()}, folder / WEIGHTS)
        given = {
            f"{target}/{name}": getattr(column, name).clone()
            for target, column in case.batch.columns.items()
            for name in ("values", "mask", "present")
        }
        save_file(given, folder / GIVEN)
        run("sensorium.testing.task", "answer_again", folder)
        found = load_file(folder / FOUND)
    unlike = [name for name, t in expected.items() if not torch.equal(t, found[name])]
    demand(not unlike, "new process", f"loaded there, it gives other {', '.join(unlike)}")


def answer_again(folder: Path) -> None:
    """Build the task that ``check_task`` saved, and write what it gives; for a new process."""
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    parts = {name: locate(where) for name, where in job["classes"].items()}
    task: Task = build(job["task"], parts)
    steps = {
        target: step_for(build(kept["field"], FIELDS)).restore(kept["state"])
        for target, kept in job["steps"].items()
    }
    task.setup(WIDTH, PARTS, {target: steps[target] for target in task.targets})
    task.load_state_dict(load_file(folder / WEIGHTS))
    given = load_file(folder / GIVEN)
    columns = {}
    for target in steps:
        names = (f"{target}/{name}" for name in ("values", "mask", "present"))
        values, mask, present = (given[name].clone() for name in names)
        columns[target] = Column(values, mask, present)
    rows = len(next(iter(columns.values())).present)
    with torch.no_grad():
        found = _outcome(task.eval(), rows, Batch(columns, tuple(range(rows))))
    save_file(found, folder / FOUND)
