"""Multi-task: several tasks learned at once from one fusion."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from sensorium.core.batch import Batch, Features, Fused
from sensorium.core.counted import counted
from sensorium.core.errors import PartError, all_at_once
from sensorium.core.schema import Field
from sensorium.preprocess.step import Step
from sensorium.tasks.classes import below_zero
from sensorium.tasks.head import Array, Head
from sensorium.tasks.task import Task


class Several(Task):
    """Learn several tasks together; a row counts for the tasks whose targets it has.

    Args:
        tasks: tasks with different targets.
        weights: how much each task's losses count; None counts all alike.

    Errors:
        PartError: no tasks, a target of two tasks, or weights that do not fit.
    """

    heads: dict[str, Head]

    def __init__(self, *tasks: Task, weights: Sequence[float] | None = None) -> None:
        super().__init__()
        self.tasks = tasks
        self.weights = weights
        self.targets = tuple(target for task in tasks for target in task.targets)
        self.wanted = {name: kind for task in tasks for name, kind in task.wanted.items()}
        self.each = nn.ModuleList(tasks)
        faults = below_zero({f"weight {i}": w for i, w in enumerate(weights or ())})
        if not tasks:
            faults.append("give at least one task")
        if weights is not None and len(weights) != len(tasks):
            faults.append(
                f"give a weight a task: {counted(len(tasks), 'task')}, "
                f"{counted(len(weights), 'weight')}"
            )
        repeated = sorted({t for t in self.targets if self.targets.count(t) > 1})
        faults += [f"target {target!r} belongs to more than one task" for target in repeated]
        if faults:
            raise PartError(all_at_once("Several cannot be:", faults))

    def setup(self, width: int, names: Sequence[str], steps: Mapping[str, Step]) -> None:
        """Set every task up."""
        self.heads = {}
        for task in self.tasks:
            task.setup(width, names, steps)
            self.heads |= getattr(task, "heads", {})
        self.reads = tuple(dict.fromkeys(name for task in self.tasks for name in task.reads))
        self.needs = tuple(dict.fromkeys(name for task in self.tasks for name in task.needs))

    def forward(self, fused: Fused, batch: Batch) -> Features:
        """Compute all tasks' outputs, side by side."""
        outputs: dict[str, Tensor] = {}
        alone: dict[str, dict[str, Tensor]] = {}
        texts: dict[str, tuple[tuple[str, ...], ...]] = {}
        for task in self.tasks:
            features: Features = task(fused, batch)
            outputs |= features.outputs
            texts |= features.texts
            for name, by_target in features.alone.items():
                alone.setdefault(name, {}).update(by_target)
        return Features(fused, outputs, alone, texts)

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Give all tasks' losses, each times its task's weight."""
        weights = self.weights or [1.0] * len(self.tasks)
        return {
            name: weight * loss
            for task, weight in zip(self.tasks, weights, strict=True)
            for name, loss in task.loss(features, batch).items()
        }

    def decided(self, features: Features) -> dict[str, Array]:
        """Give what all tasks made of their outputs."""
        return {t: found for task in self.tasks for t, found in task.decided(features).items()}

    def suited(self, target: str, field: Field) -> Field:
        """Give the field of a target as its task needs it."""
        return next((t.suited(target, field) for t in self.tasks if target in t.targets), field)

    def study(self, texts: Mapping[str, Sequence[tuple[str, ...]]]) -> None:
        """Let every task look at the texts."""
        for task in self.tasks:
            task.study(texts)

    def state(self) -> Mapping[str, Any]:
        """Give what the tasks read from elsewhere, by their place."""
        found = {str(place): dict(task.state()) for place, task in enumerate(self.tasks)}
        return {place: state for place, state in found.items() if state}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Give each task its own back."""
        for place, task in enumerate(self.tasks):
            task.restore(state.get(str(place), {}))

    def predict(self, features: Features) -> list[Any]:
        """Give each row a dict of answers by target."""
        rows: list[dict[str, Any]] = [{} for _ in range(len(features.fused.pooled))]
        for task in self.tasks:
            alone = len(task.targets) == 1
            for row, answer in zip(rows, task.predict(features), strict=True):
                row.update({task.targets[0]: answer} if alone else answer)
        return rows
