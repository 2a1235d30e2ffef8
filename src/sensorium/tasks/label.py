"""Tasks that answer with names: Classify, one of several; Tag, any number of them."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from torch import Tensor

from sensorium.core.batch import Batch, Features, Fused
from sensorium.core.errors import PartError, all_at_once
from sensorium.preprocess.step import Step
from sensorium.tasks.class_head import ClassHead, Threshold
from sensorium.tasks.classes import balanced_weights, below_zero, classes_of, named_weights, tags_of
from sensorium.tasks.heads import Heads
from sensorium.tasks.tag_head import TagHead
from sensorium.tasks.task import Task

ClassWeights = str | Mapping[str, float] | None


class Classify(Task):
    """Give one of two or more classes.

    Args:
        target: a column of kind category or flag.
        auxiliary: weight of the loss of each part alone; 0 does without.
        class_weights: ``"balanced"`` lets every class count alike, however rare; a mapping from
            class to weight sets them by hand, classes not named count 1.
        label_smoothing: share of the truth that is spread evenly over all classes, 0..1.
        focal: gamma of the focal loss; 0 is plain cross entropy, 2 is usual.
        threshold: of two classes, from which probability on to answer the second (yes, or the
            rarer name); ``"f1"`` chooses it on the validation rows, so that the F1 of that class
            is highest. None answers the more probable class.

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
        threshold: Threshold = None,
    ) -> None:
        super().__init__()
        self.target = target
        self.targets = (target,)
        self.auxiliary = auxiliary
        self.class_weights = class_weights
        self.label_smoothing = label_smoothing
        self.focal = focal
        self.threshold = threshold
        faults = _faults(auxiliary, focal, class_weights)
        if not 0 <= label_smoothing < 1:
            faults.append(f"label_smoothing must lie in 0..1, found {label_smoothing}")
        if not (threshold in (None, "f1") or (isinstance(threshold, Real) and 0 < threshold < 1)):
            faults.append(f"threshold is 'f1' or lies between 0 and 1, found {threshold!r}")
        if faults:
            raise PartError(all_at_once(f"Classify({target!r}) cannot be:", faults))

    def setup(self, width: int, names: Sequence[str], steps: Mapping[str, Step]) -> None:
        """Make one head."""
        step = steps[self.target]
        labels = classes_of(self.target, step)
        if self.threshold is not None and len(labels) != 2:
            msg = f"threshold= is for two classes; target {self.target!r} has {len(labels)}"
            raise PartError(msg)
        head = ClassHead(
            width,
            len(names),
            labels,
            importance=_importance(self.target, step, labels, self.class_weights),
            smoothing=self.label_smoothing,
            focal=self.focal,
            threshold=self.threshold,
        )
        self.heads = Heads({self.target: head}, names, self.auxiliary)

    def forward(self, fused: Fused, batch: Batch) -> Features:  # noqa: ARG002
        """Compute logits, [batch classes]."""
        features: Features = self.heads(fused)
        return features

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Give the cross entropy of the fusion and of each part alone."""
        return self.heads.losses(features, batch)

    def predict(self, features: Features) -> list[Any]:
        """Give each row's class: the most probable, or by the threshold."""
        return self.heads.answers(features)


class Tag(Task):
    """Give any number of tags, each by itself.

    From which probability on a tag is answered is chosen on validation rows
    (``heads[target].fit_thresholds``), so that its F1 is highest; before that it is 0.5.

    Args:
        target: a column of kind category with ``many=True``.
        auxiliary: weight of the loss of each part alone; 0 does without.
        class_weights: ``"balanced"`` lets every tag count by how rarely it occurs; a mapping from
            tag to weight sets them by hand, tags not named count 1.
        focal: gamma of the focal loss; 0 is plain cross entropy, 2 is usual.

    Errors:
        PartError: options that cannot be; in ``setup``, a target that has no tags.
    """

    heads: Heads

    def __init__(
        self,
        target: str,
        *,
        auxiliary: float = 0.3,
        class_weights: ClassWeights = None,
        focal: float = 0.0,
    ) -> None:
        super().__init__()
        self.target = target
        self.targets = (target,)
        self.auxiliary = auxiliary
        self.class_weights = class_weights
        self.focal = focal
        if faults := _faults(auxiliary, focal, class_weights):
            raise PartError(all_at_once(f"Tag({target!r}) cannot be:", faults))

    def setup(self, width: int, names: Sequence[str], steps: Mapping[str, Step]) -> None:
        """Make one head."""
        step = steps[self.target]
        tags = tags_of(self.target, step)
        importance = _importance(self.target, step, tags, self.class_weights)
        head = TagHead(width, len(names), tags, importance=importance, focal=self.focal)
        self.heads = Heads({self.target: head}, names, self.auxiliary)

    def forward(self, fused: Fused, batch: Batch) -> Features:  # noqa: ARG002
        """Compute logits, [batch tags]."""
        features: Features = self.heads(fused)
        return features

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Give the binary cross entropy of the fusion and of each part alone."""
        return self.heads.losses(features, batch)

    def predict(self, features: Features) -> list[Any]:
        """Give each row's list of tags."""
        return self.heads.answers(features)


def _faults(auxiliary: float, focal: float, class_weights: ClassWeights) -> list[str]:
    faults = below_zero({"auxiliary": auxiliary, "focal": focal})
    if isinstance(class_weights, str) and class_weights != "balanced":
        faults.append(f"class_weights must be 'balanced' or a mapping, found {class_weights!r}")
    if isinstance(class_weights, Mapping):
        faults += [f"class_weights: {fault}" for fault in below_zero(class_weights)]
    return faults


def _importance(
    target: str, step: Step, classes: Sequence[Any], class_weights: ClassWeights
) -> list[float] | None:
    if class_weights is None:
        return None
    if isinstance(class_weights, Mapping):
        return named_weights(target, class_weights, classes)
    return balanced_weights(target, step)
