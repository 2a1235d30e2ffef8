"""The head of a target with one class a row: logits, cross entropy, accuracy and its kin."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
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
from sensorium.tasks.threshold import UNSURE, best_threshold, kept_below

Threshold = float | Literal["f1"] | None


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
    given = logits.to(losses.dtype).softmax(1).gather(1, truth[:, None])[:, 0]
    return (1 - given).clamp(min=1e-7) ** focal * losses


class ClassHead(Head):
    """One class a row.

    Args:
        width: width of the vectors.
        parts: how many input columns.
        labels: what to answer for each class.
        importance: how much each class counts in the loss; None counts all alike.
        smoothing, focal: as in ``class_losses``.
        threshold: of two classes, from which probability on to answer the second; ``"f1"`` leaves
            it to ``fit_thresholds``. None answers the most probable class.
    """

    form: ClassVar[str] = "classes"
    importance: Tensor
    threshold: Tensor | None

    def __init__(
        self,
        width: int,
        parts: int,
        labels: Sequence[Any],
        *,
        importance: Sequence[float] | None = None,
        smoothing: float = 0.0,
        focal: float = 0.0,
        threshold: Threshold = None,
    ) -> None:
        super().__init__(width, parts, len(labels))
        self.labels = tuple(labels)
        self.names = tuple(map(str, labels))
        self.primary = "accuracy" if importance is None else "balanced_accuracy"
        self.smoothing = smoothing
        self.focal = focal
        self.register_buffer("importance", torch.tensor(importance or [1.0] * len(labels)))
        self.learns_threshold = threshold == "f1"
        start = UNSURE if threshold == "f1" else threshold
        given = None if start is None else kept_below(start)
        self.register_buffer("threshold", given)

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
        return outputs.detach().cpu().double().softmax(1).numpy()

    def truth(self, column: Column) -> Array:
        """Give class numbers: -1 where there is none, ``len(names)`` for a class never seen."""
        truth = column.values[:, 0].long()
        return torch.where(column.present, truth, -1).cpu().numpy()

    def answers(self, decided: Array) -> list[Any]:
        """Give each row's label."""
        return [self.labels[number] for number in self.chosen(decided)]

    def chosen(self, decided: Array) -> Int[np.ndarray, " rows"]:
        """Give the number of the class that is answered."""
        if self.threshold is None:
            return super().chosen(decided)
        return np.asarray(decided[:, 1] >= self.threshold.item(), dtype=np.int64)

    def fit_thresholds(self, truth: Array, decided: Array) -> None:
        """Choose the threshold so that the F1 of the second class on these rows is highest."""
        if self.learns_threshold and self.threshold is not None:
            rows = self.known(truth)
            best = best_threshold(truth[rows] == 1, decided[rows, 1])
            self.threshold.copy_(kept_below(best))

    def metrics(self, truth: Array, decided: Array, weight: Weight = None) -> Mapping[str, Score]:
        """Score labels, ranking and calibration."""
        return {
            **label_scores(truth, self.chosen(decided), len(self.names), weight),
            "auroc": class_auroc(truth, decided, weight),
            "average_precision": class_average_precision(truth, decided, weight),
            "log_loss": log_loss(truth, decided, weight),
            "calibration_error": calibration_error(
                truth == decided.argmax(1), decided.max(1), weight
            ),
        }

    def score(self, truth: Array, decided: Array, weight: Weight = None) -> Score:
        """Give the primary metric without sorting any rows."""
        return label_scores(truth, self.chosen(decided), len(self.names), weight)[self.primary]

    def errors(self, truth: Array, decided: Array) -> Array:
        """Give each row's log loss."""
        return log_losses(truth, decided)
