"""A task on trial: made of a seed, on made-up features; and again, in a new process.

Legend: rows = batch.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sensorium.core.batch import Batch, Column, Features, Fused
from sensorium.core.describe import build, keywords
from sensorium.core.schema import FIELDS
from sensorium.preprocess import Step, step_for, target_step_for
from sensorium.tasks.task import Task
from sensorium.testing.checks import demand, seeded
from sensorium.testing.features import PARTS, WIDTH, made_up
from sensorium.testing.process import locate

JOB, WEIGHTS, GIVEN, FOUND = "job.json", "weights.safetensors", "in.safetensors", "out.safetensors"
PLAIN = (str, int, float, bool, dict, type(None))


@dataclass(frozen=True)
class Case:
    """A task to be, and targets to try it on."""

    make: Callable[[], Task]
    steps: Mapping[str, Step]
    batch: Batch
    parts: tuple[str, ...] = PARTS

    def task(self, seed: int = 0) -> Task:
        """Make the task with weights of a seed, ready for use."""
        task = self.make()
        missing = [target for target in task.targets if target not in self.steps]
        demand(not missing, "targets", f"the task learns {missing}, no step was given for them")
        with seeded(seed):
            task.setup(WIDTH, self.parts, self.steps)
        if task.reads:
            columns = self.batch.columns
            task.study({name: list(columns[name].texts or ()) for name in task.reads})
        return task.eval()

    def fused(self) -> Fused:
        """Make up fused features; the last rows lack one part or all."""
        return made_up(len(self.batch), lengths=self.lengths, parts=self.parts)

    @property
    def lengths(self) -> dict[str, int]:
        """How many tokens each input has that the task reads."""
        columns = self.batch.columns
        return {name: columns[name].values.shape[1] for name in PARTS if name in columns}

    @property
    def targets(self) -> dict[str, Column]:
        """The targets."""
        return {n: column for n, column in self.batch.columns.items() if n not in PARTS}


def losses_of(task: Task, fused: Fused, batch: Batch) -> dict[str, Tensor]:
    """Give the named losses."""
    features: Features = task(fused, batch)
    return task.loss(features, batch)


def total_of(task: Task, fused: Fused, batch: Batch) -> Tensor:
    """Give the sum of the losses."""
    return torch.stack(list(losses_of(task, fused, batch).values())).sum()


def outcome_of(task: Task, fused: Fused, batch: Batch) -> dict[str, Tensor]:
    """Give outputs and losses, as tensors to compare."""
    features: Features = task(fused, batch)
    alone = {
        f"alone {name} {target}": output
        for name, by_target in features.alone.items()
        for target, output in by_target.items()
    }
    losses = {f"loss {name}": loss for name, loss in task.loss(features, batch).items()}
    outputs = {f"output {name}": output for name, output in features.outputs.items()}
    return {k: v.detach().clone() for k, v in {**outputs, **alone, **losses}.items()}


def classes_of(task: Task) -> dict[str, type]:
    """List the classes that a description of the task names."""
    found = {type(task).__name__: type(task)}
    for name in keywords(type(task)):
        value = getattr(task, name, None)
        for part in value if isinstance(value, tuple | list) else (value,):
            if isinstance(part, Task):
                found |= classes_of(part)
            elif not isinstance(part, PLAIN):
                found[type(part).__name__] = type(part)
    return found


def answer_again(folder: Path) -> None:
    """Build the task that ``check_task`` saved, and write what it gives; for a new process."""
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    parts = {name: locate(where) for name, where in job["classes"].items()}
    task: Task = build(job["task"], parts)
    steps = {
        name: (step_for if name in PARTS else target_step_for)(
            build(kept["field"], FIELDS)
        ).restore(kept["state"])
        for name, kept in job["steps"].items()
    }
    task.setup(WIDTH, job["parts"], steps)
    task.load_state_dict(load_file(folder / WEIGHTS))
    given = load_file(folder / GIVEN)
    columns = {}
    for target, texts in job["texts"].items():
        names = (f"{target}/{name}" for name in ("values", "mask", "present"))
        values, mask, present = (given[name].clone() for name in names)
        words = None if texts is None else tuple(map(tuple, texts))
        columns[target] = Column(values, mask, present, texts=words)
    rows = len(next(iter(columns.values())).present)
    with torch.no_grad():
        fused = made_up(rows, lengths=job["lengths"], parts=job["parts"])
        found = outcome_of(task.eval(), fused, Batch(columns, tuple(range(rows))))
    save_file(found, folder / FOUND)
