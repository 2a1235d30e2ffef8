"""Tasks that answer with names: Classify, one of several."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from torch import Tensor

from sensorium.core.batch import Batch, Features, Fused
from sensorium.core.errors import PartError, all_at_once
from sensorium.preprocess.step import Step
from sensorium.tasks.class_head import ClassHead
from sensorium.tasks.classes import balanced_weights, below_zero, classes_of, named_weights
from sensorium.tasks.heads import Heads
from sensorium.tasks.task import Task

ClassWeights = Literal["balanced"] | Mapping[str, float] | None


class Classify(Task):
    """Give one of two or more classes.

    Args:
        target: a column of kind category or flag.
        auxiliary: weight of the loss of each part alone; 0 does without.
        class_weights: ``"balanced"`` lets every class count alike, however rare; a mapping from
            class to weight sets them by hand, classes not named count 1.
        label_smoothing: share of the truth that is spread evenly over all classes, 0..1.
        focal: gamma of the focal loss; 0 is plain cross entropy, 2 is usual.

    Errors:
        PartError: options that cannot be; in ``setup``, a target that has no classes.
    """

    heads: Heads

    def __init__(
        self,
        target: str,
        *,
        auxiliary: float = 0.3,
        class_weights: ClassWeights = None,
        label_smoothing: float = 0.0,
        focal: float = 0.0,
    ) -> None:
        super().__init__()
        self.target = target
        self.targets = (target,)
        self.auxiliary = auxiliary
        self.class_weights = class_weights
        self.label_smoothing = label_smoothing
        self.focal = focal
        faults = below_zero({"auxiliary": auxiliary, "focal": focal})
        if not 0 <= label_smoothing < 1:
            faults.append(f"label_smoothing must lie in 0..1, found {label_smoothing}")
        if isinstance(class_weights, str) and class_weights != "balanced":
            faults.append(f"class_weights must be 'balanced' or a mapping, found {class_weights!r}")
        if isinstance(class_weights, Mapping):
            faults += [f"class_weights: {fault}" for fault in below_zero(class_weights)]
        if faults:
            raise PartError(all_at_once(f"Classify({target!r}) cannot be:", faults))

    def setup(self, width: int, names: Sequence[str], steps: Mapping[str, Step]) -> None:
        """Make one head."""
        labels = classes_of(self.target, steps[self.target])
        head = ClassHead(
            width,
            len(names),
            labels,
            importance=self._importance(labels, steps[self.target]),
            smoothing=self.label_smoothing,
            focal=self.focal,
        )
        self.heads = Heads({self.target: head}, names, self.auxiliary)

    def _importance(self, labels: Sequence[Any], step: Step) -> list[float] | None:
        if self.class_weights is None:
            return None
        if isinstance(self.class_weights, Mapping):
            return named_weights(self.target, self.class_weights, labels)
        return balanced_weights(self.target, step)

    def forward(self, fused: Fused, batch: Batch) -> Features:  # noqa: ARG002
        """Compute logits, [batch classes]."""
        features: Features = self.heads(fused)
        return features

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Give the cross entropy of the fusion and of each part alone."""
        return self.heads.losses(features, batch)

    def predict(self, features: Features) -> list[Any]:
        """Give each row's most probable class."""
        return self.heads.answers(features)
