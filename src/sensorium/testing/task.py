"""``check_task``: everything that a task promises, tried on its own targets and made-up features.

    from sensorium.testing import check_task

    def test_my_task():
        steps = {"mood": prep.steps["mood"]}
        check_task(lambda: MyTask("mood"), steps, {"mood": steps["mood"](cells)})

Legend: rows = batch, width = features of a vector, parts = input columns.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sensorium.core.batch import Batch, Column
from sensorium.core.counted import counted
from sensorium.core.describe import build, describe
from sensorium.core.errors import PartError
from sensorium.preprocess import Step
from sensorium.tasks.task import Task
from sensorium.testing.checks import TOLERANCES, demand, distance, explained, noise, seeded
from sensorium.testing.features import (
    PARTS,
    WIDTH,
    batch_rows,
    changed,
    fused_rows,
    leaves_of,
    slopes_of,
    without_targets,
)
from sensorium.testing.gradients import check_gradients, shake
from sensorium.testing.process import address, run
from sensorium.testing.task_case import (
    FOUND,
    GIVEN,
    JOB,
    WEIGHTS,
    Case,
    classes_of,
    losses_of,
    outcome_of,
    total_of,
)

LEARNING_STEPS = 60


def check_task(
    make: Callable[[], Task],
    steps: Mapping[str, Step],
    targets: Mapping[str, Column],
    inputs: Mapping[str, Column] | None = None,
    *,
    parts: Sequence[str] = PARTS,
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
        steps: the fitted steps of its targets, and of the inputs.
        targets: the targets as tensors: the same rows of each, at least 4, all present.
        inputs: inputs that the task reads word by word, such as ``"the.words"``; they may be
            called as the made-up parts are: "photo" and "the.words".
        parts: the made-up inputs; ``("photo",)`` for a task that reads one only.
        new_process: also load it in a new process, which takes some seconds.

    Errors:
        ContractError: the first promise that is broken.
    """
    inputs = dict(inputs or {})
    known = inputs.keys() <= set(PARTS)
    demand(known, "inputs", f"made-up inputs are called {list(PARTS)}, found {list(inputs)}")
    rows = {len(column.present) for column in [*targets.values(), *inputs.values()]}
    present = all(bool(column.present.all()) for column in targets.values())
    demand(len(rows) == 1 and min(rows) >= 4 and present, "targets", "give 4 or more present rows")
    batch = Batch({**inputs, **targets}, tuple(range(rows.pop())))
    case = Case(make, steps, batch, tuple(parts))
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


def _check_losses(case: Case) -> None:
    task = case.task()
    losses = losses_of(task, case.fused(), case.batch)
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
            task.decided(features)[target],
        )
        for what, value in (
            ("truth", truth),
            ("decide", decided),
            ("answers", head.answers(decided)),
            ("errors", head.errors(truth, decided)),
        ):
            own = counted(len(value), "row")
            demand(len(value) == rows, "heads", f"{what} of {target!r} gave {own}")
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
            drawn.append(losses_of(task, case.fused(), case.batch))
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
    straight = losses_of(task, fused, case.batch)
    turned = losses_of(task, fused_rows(fused, order), batch_rows(case.batch, order))
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
    once = losses_of(task, fused, case.batch)
    doubled = losses_of(task, fused_rows(fused, twice), batch_rows(case.batch, twice))
    for name, loss in once.items():
        near = distance(loss, doubled[name]) <= TOLERANCES["order"]
        demand(near, "average", f"the loss {name!r} grows with the rows; average over them")


def _check_absent_targets(case: Case) -> None:
    """Rows 0 and 1 lose their targets; what stands there must not matter."""
    lost = torch.arange(len(case.batch)) < 2
    columns, noisy = {}, {}
    for name, column in case.targets.items():
        columns[name] = replace(column, present=~lost)
        values = column.values.clone()
        values[lost] = noise(column.values, seed=3)[lost]
        if values.is_floating_point():
            values[0] = float("nan")
        mask = torch.where(lost[:, None], ~column.mask, column.mask)
        texts = column.texts and (("noise",), ("noise", "and more"), *column.texts[2:])
        noisy[name] = replace(column, values=values, mask=mask, present=~lost, texts=texts)
    batch, other = (
        replace(case.batch, columns={**case.batch.columns, **c}) for c in (columns, noisy)
    )
    task, (fused, leaves) = case.task(), leaves_of(case.fused())
    expected = losses_of(task, fused, batch)
    found = losses_of(task, fused, other)
    _demand_equal("absent targets", "what stands in an absent target", expected, found)
    slopes = slopes_of(torch.stack(list(found.values())).sum(), leaves)
    silent = not any(slope[lost].any() for slope in slopes)
    demand(silent, "absent targets", "rows without a target get a gradient; it must be exactly 0")
    kept = (~lost).nonzero().squeeze(1)
    few = losses_of(task, fused_rows(case.fused(), kept), batch_rows(case.batch, kept))
    for name, loss in few.items():
        near = distance(loss, expected[name]) <= 1e-5
        message = f"loss {name!r} is not the average of the rows that have the target"
        demand(near, "absent targets", message)


def _check_no_targets(case: Case) -> None:
    task, (fused, leaves) = case.task(), leaves_of(case.fused())
    losses = losses_of(task, fused, without_targets(case.batch))
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
    total = total_of(task, fused, case.batch)
    for name, part in fused.parts.items():
        slope = slopes_of(total, [part])[0]
        silent = not slope[~fused.present[name]].any()
        message = f"rows without {name!r} teach the head of {name!r} alone"
        demand(silent, "absent parts", message)
    gone = {name: torch.zeros_like(there) for name, there in fused.present.items()}
    finite = total_of(task, replace(fused, present=gone), case.batch).isfinite()
    demand(finite, "absent parts", "a batch without any input has a loss that is not finite")


def _check_gradients(case: Case) -> None:
    task = case.task().double()
    shake(list(task.parameters()))
    fused, leaves = leaves_of(changed(case.fused(), Tensor.double))
    weights = {name: p for name, p in task.named_parameters() if p.requires_grad}
    total = total_of(task, fused, case.batch)
    used = torch.autograd.grad(total, list(weights.values()), allow_unused=True)
    # Weights for parts alone rest while there is no auxiliary loss; that is no fault.
    busy = {n: p for (n, p), slope in zip(weights.items(), used, strict=True) if slope is not None}
    demand(busy, "gradients", "the losses depend on no weight at all")
    check_gradients(lambda: total_of(task, fused, case.batch), busy, leaves)


def _check_learning(case: Case) -> None:
    task = case.task().train()
    fused, leaves = leaves_of(case.fused())
    optimiser = torch.optim.Adam([*task.parameters(), *leaves], lr=0.05)
    totals = []
    for _ in range(LEARNING_STEPS):
        optimiser.zero_grad()
        with seeded(7):
            total = total_of(task, fused, case.batch)
        torch.autograd.backward(total)
        optimiser.step()
        totals.append(total.item())
    message = f"{LEARNING_STEPS} steps on one batch moved the loss from {totals[0]:.3f} to "
    demand(totals[-1] < totals[0], "learning", message + f"{totals[-1]:.3f}")


def _check_saving(case: Case) -> None:
    first = case.task()
    classes = classes_of(first)
    try:
        description = json.loads(json.dumps(describe(first)))
        again: Task = build(description, classes)
    except (PartError, TypeError) as error:
        demand(kept=False, promise="saving", message=f"it cannot be built again: {error}")
        raise
    with seeded(99):
        again.setup(WIDTH, case.parts, case.steps)
    again.load_state_dict(first.state_dict())
    both = (outcome_of(task.eval(), case.fused(), case.batch) for task in (first, again))
    expected, found = both
    what = "building from the description and loading the weights"
    _demand_equal("saving", what, expected, found)


def _check_new_process(case: Case) -> None:
    task = case.task()
    with torch.no_grad():  # as there: with a graph, an LSTM computes in another way
        expected = outcome_of(task, case.fused(), case.batch)
    with TemporaryDirectory() as name:
        folder = Path(name)
        job: dict[str, Any] = {
            "classes": {name: address(part) for name, part in classes_of(task).items()},
            "task": describe(task),
            "texts": {name: column.texts for name, column in case.batch.columns.items()},
            "lengths": case.lengths,
            "parts": case.parts,
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
        run("sensorium.testing.task_case", "answer_again", folder)
        found = load_file(folder / FOUND)
    unlike = [name for name, t in expected.items() if not torch.equal(t, found[name])]
    demand(not unlike, "new process", f"loaded there, it gives other {', '.join(unlike)}")
