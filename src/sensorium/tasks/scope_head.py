"""The head of a target with one class a row that may also be refused as out of scope.

Legend: rows = batch, classes = what may be answered, and out of scope.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sensorium.core.batch import Column, Decide
from sensorium.metrics.calibration import calibration_error
from sensorium.metrics.classification import label_scores, log_loss, log_losses
from sensorium.metrics.scope import (
    in_scope_accuracy,
    out_of_scope_recall,
    scope_auroc,
    scope_threshold,
)
from sensorium.metrics.tally import Score, Weight, mean, weights
from sensorium.tasks.class_head import ClassHead
from sensorium.tasks.head import Array, Head
from sensorium.tasks.threshold import kept_below

OUTSIDE = "(out of scope)"


class ScopeHead(Head):
    """One class a row, or none of them.

    Args:
        width: width of the vectors.
        parts: how many input columns.
        labels: the classes.
        outside: the class of the training rows that are out of scope; None where there is none.
        kept: where no validation row is out of scope, the share of right answers that are given.
        smoothing: the share of the truth that is spread evenly over all classes; it keeps the
            confidence in what was never met low.

    Attributes:
        outside: the number that stands for out of scope.
        threshold: answers of less confidence are refused; saved with the weights.
    """

    form: ClassVar[str] = "classes"
    threshold: Tensor

    def __init__(
        self,
        width: int,
        parts: int,
        labels: Sequence[Any],
        *,
        outside: str | None = None,
        kept: float = 0.95,
        smoothing: float = 0.0,
    ) -> None:
        super().__init__(0, 0, 0)
        names = tuple(map(str, labels))
        self.labels = tuple(labels)
        self.inner = ClassHead(width, parts, labels, smoothing=smoothing)
        self.outside = len(names) if outside is None else names.index(outside)
        self.names = (*names, OUTSIDE) if outside is None else names
        self.kept = kept
        self.primary = "in_scope_accuracy"
        self.learns_threshold = True
        self.register_buffer("threshold", torch.zeros(()))

    def forward(self, pooled: Float[Tensor, " batch width"]) -> Float[Tensor, " batch outputs"]:
        """Compute logits from the fused vector."""
        outputs: Tensor = self.inner(pooled)
        return outputs

    def alone(self, parts: Sequence[Tensor]) -> list[Tensor]:
        """Compute logits from each part's own vector."""
        return self.inner.alone(parts)

    def together(
        self,
        decide: Decide,
        alone: Float[Tensor, " batch parts outputs"],
        present: Bool[Tensor, " batch parts"],
    ) -> Float[Tensor, " batch outputs"]:
        """Let a late fusion make one decision of the parts' decisions."""
        return self.inner.together(decide, alone, present)

    def loss(self, outputs: Tensor, column: Column, weight: Tensor | None = None) -> Tensor:
        """Average the cross entropy over the rows whose class is known."""
        return self.inner.loss(outputs, column, weight)

    def decide(self, outputs: Tensor) -> Array:
        """Give probabilities, [rows classes]; 0 for out of scope, where that is no class."""
        decided = self.inner.decide(outputs)
        unknown = np.zeros((len(decided), len(self.names) - decided.shape[1]))
        return np.concatenate([decided, unknown], 1)

    def truth(self, column: Column) -> Array:
        """Give class numbers, -1 where unknown; a class never seen is out of scope."""
        truth = self.inner.truth(column)
        return np.where(truth == len(self.labels), self.outside, truth)

    def confidence(self, decided: Array) -> Float[np.ndarray, " rows"]:
        """Give the probability of the best class in scope."""
        found: Float[np.ndarray, " rows"] = self._inside(decided).max(1)
        return found

    def chosen(self, decided: Array) -> Int[np.ndarray, " rows"]:
        """Give the number of the class that is answered, or of out of scope."""
        sure = self._sure(decided) >= self.threshold.item()
        return np.where(sure, self._inside(decided).argmax(1), self.outside)

    def _sure(self, decided: Array) -> Float[np.ndarray, " rows"]:
        """Give the confidence; -1 where out of scope is the most probable of all."""
        confidence = self.confidence(decided)
        return np.where(confidence >= decided[:, self.outside], confidence, -1.0)

    def answers(self, decided: Array) -> list[Any]:
        """Give each row's class; None where it is out of scope."""
        return [
            None if number == self.outside else self.labels[number]
            for number in self.chosen(decided)
        ]

    def fit_thresholds(self, truth: Array, decided: Array) -> None:
        """Choose on these rows from which confidence on to answer."""
        rows = self.known(truth)
        truth, decided = truth[rows], decided[rows]
        inside = truth != self.outside
        right = inside & (self._inside(decided).argmax(1) == truth)
        found = scope_threshold(right, inside, self._sure(decided), self.kept)
        self.threshold.copy_(kept_below(found))

    def metrics(self, truth: Array, decided: Array, weight: Weight = None) -> Mapping[str, Score]:
        """Score answers in scope; where there are rows out of it, refusals and both together."""
        chosen, best = self.chosen(decided), self._inside(decided).argmax(1)
        return {
            "in_scope_accuracy": in_scope_accuracy(truth, chosen, self.outside, weight),
            **self._refusals(truth, decided, weight),
            "in_scope_accuracy_unrefused": in_scope_accuracy(truth, best, self.outside, weight),
            "f1_macro": label_scores(truth, chosen, len(self.names), weight)["f1_macro"],
            "log_loss": log_loss(truth, decided, weight),
            "calibration_error": calibration_error(
                truth == decided.argmax(1), decided.max(1), weight
            ),
        }

    def _refusals(self, truth: Array, decided: Array, weight: Weight) -> dict[str, Score]:
        if not (truth == self.outside).any():
            return {}
        chosen, sure = self.chosen(decided), self._sure(decided)
        return {
            "accuracy": mean(truth == chosen, weights(len(truth), weight)),
            "out_of_scope_recall": out_of_scope_recall(truth, chosen, self.outside, weight),
            "scope_auroc": scope_auroc(truth, sure, self.outside, weight),
        }

    def score(self, truth: Array, decided: Array, weight: Weight = None) -> Score:
        """Give the primary metric alone."""
        return in_scope_accuracy(truth, self.chosen(decided), self.outside, weight)

    def errors(self, truth: Array, decided: Array) -> Array:
        """Give each row's log loss; out of scope, where not learned, that of any answer."""
        if self.outside < len(self.labels):
            return log_losses(truth, decided)
        decided = decided.copy()
        decided[:, self.outside] = 1 - self.confidence(decided)
        return log_losses(truth, decided)

    def _inside(self, decided: Array) -> Array:
        """Leave no probability to out of scope."""
        inside = decided.copy()
        inside[:, self.outside] = -1.0
        return inside
