"""The head of a target with one class a row: logits, cross entropy, accuracy and its kin."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from sensorium.core.batch import Column
from sensorium.metrics.calibration import calibration_error
from sensorium.metrics.classification import label_scores, log_loss, log_losses
from sensorium.metrics.ranking import class_auroc, class_average_precision
from sensorium.metrics.tally import Score, Weight
from sensorium.tasks.head import Array, Head


def class_losses(
    logits: Float[Tensor, " rows classes"],
    truth: Int[Tensor, " rows"],
    smoothing: float = 0.0,
    focal: float = 0.0,
) -> Float[Tensor, " rows"]:
    """Give each row's cross entropy.

    Args:
        logits: before the softmax.
        truth: the true class numbers.
        smoothing: the share of the truth that is spread evenly over all classes.
        focal: gamma; each row counts (1 - p)^gamma, p its probability of the truth, so that
            easy rows count less (Lin et al. 2017, "Focal Loss for Dense Object Detection").
    """
    losses = F.cross_entropy(logits, truth, reduction="none", label_smoothing=smoothing)
    if not focal:
        return losses
    given = logits.softmax(1).gather(1, truth[:, None])[:, 0]
    return (1 - given).clamp(min=1e-7) ** focal * losses


class ClassHead(Head):
    """One class a row.

    Args:
        width: width of the vectors.
        parts: how many input columns.
        labels: what to answer for each class.
        importance: how much each class counts in the loss; None counts all alike.
        smoothing, focal: as in ``class_losses``.
    """

    form: ClassVar[str] = "classes"
    importance: Tensor

    def __init__(
        self,
        width: int,
        parts: int,
        labels: Sequence[Any],
        *,
        importance: Sequence[float] | None = None,
        smoothing: float = 0.0,
        focal: float = 0.0,
    ) -> None:
        super().__init__(width, parts, len(labels))
        self.labels = tuple(labels)
        self.names = tuple(map(str, labels))
        self.primary = "accuracy" if importance is None else "balanced_accuracy"
        self.smoothing = smoothing
        self.focal = focal
        self.register_buffer("importance", torch.tensor(importance or [1.0] * len(labels)))

    def loss(self, outputs: Tensor, column: Column, weight: Tensor | None = None) -> Tensor:
        """Average over rows whose class is known, each by its class's importance."""
        truth = column.values[:, 0].long()
        counts = column.present & (truth < len(self.names))
        counts = counts if weight is None else counts & weight
        truth = truth[counts]
        losses = class_losses(outputs[counts], truth, self.smoothing, self.focal)
        each = self.importance.to(losses.dtype)[truth]
        return (losses * each).sum() / each.sum().clamp(min=torch.finfo(losses.dtype).tiny)

    def decide(self, outputs: Tensor) -> Array:
        """Give probabilities, [rows classes]."""
        return outputs.detach().double().softmax(1).cpu().numpy()

    def truth(self, column: Column) -> Array:
        """Give class numbers: -1 where there is none, ``len(names)`` for a class never seen."""
        truth = column.values[:, 0].long()
        return torch.where(column.present, truth, -1).cpu().numpy()

    def answers(self, decided: Array) -> list[Any]:
        """Give each row's most probable label."""
        return [self.labels[number] for number in decided.argmax(1)]

    def metrics(self, truth: Array, decided: Array, weight: Weight = None) -> Mapping[str, Score]:
        """Score labels, ranking and calibration."""
        chosen = decided.argmax(1)
        return {
            **label_scores(truth, chosen, len(self.names), weight),
            "auroc": class_auroc(truth, decided, weight),
            "average_precision": class_average_precision(truth, decided, weight),
            "log_loss": log_loss(truth, decided, weight),
            "calibration_error": calibration_error(truth == chosen, decided.max(1), weight),
        }

    def score(self, truth: Array, decided: Array, weight: Weight = None) -> Score:
        """Give the primary metric without sorting any rows."""
        return label_scores(truth, decided.argmax(1), len(self.names), weight)[self.primary]

    def errors(self, truth: Array, decided: Array) -> Array:
        """Give each row's log loss."""
        return log_losses(truth, decided)
