"""The task that answers with numbers: Regress, one output or many."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from sensorium.core.batch import Batch, Features, Fused
from sensorium.core.errors import PartError, all_at_once
from sensorium.preprocess.step import Step
from sensorium.tasks.classes import below_zero
from sensorium.tasks.heads import Heads
from sensorium.tasks.task import Task
from sensorium.tasks.value_head import ValueHead


class Regress(Task):
    """Give one number or several.

    The model learns in scaled units; answers and scores are in each target's own.

    Args:
        targets: columns of kind number.
        auxiliary: weight of the loss of each part alone; 0 does without.
        huber: errors beyond so many deviations count straight, not squared; 0 squares all.

    Errors:
        PartError: options that cannot be; in ``setup``, a target that is no number.
    """

    heads: Heads

    def __init__(self, *targets: str, auxiliary: float = 0.3, huber: float = 0.0) -> None:
        super().__init__()
        self.targets = targets
        self.auxiliary = auxiliary
        self.huber = huber
        faults = below_zero({"auxiliary": auxiliary, "huber": huber})
        if not targets:
            faults.append("name at least one target column")
        faults += [f"target {t!r} is named twice" for t in set(targets) if targets.count(t) > 1]
        if faults:
            raise PartError(all_at_once("Regress cannot be:", faults))

    def setup(self, width: int, names: Sequence[str], steps: Mapping[str, Step]) -> None:
        """Make one head a target."""
        faults = [
            f"target {t!r} is of kind {steps[t].kind!r}; declare it as Number(), or use Classify"
            for t in self.targets
            if not hasattr(steps[t], "inverse")
        ]
        if faults:
            raise PartError(all_at_once("Regress needs numbers:", faults))
        heads = {
            target: ValueHead(width, len(names), steps[target], huber=self.huber)  # type: ignore[arg-type]
            for target in self.targets
        }
        self.heads = Heads(heads, names, self.auxiliary)

    def forward(self, fused: Fused, batch: Batch) -> Features:  # noqa: ARG002
        """Compute scaled values, [batch 1] a target."""
        features: Features = self.heads(fused)
        return features

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Give the error of the fusion and of each part alone, a target."""
        return self.heads.losses(features, batch)

    def predict(self, features: Features) -> list[Any]:
        """Give each row's number, or numbers by target where there are several."""
        return self.heads.answers(features)
