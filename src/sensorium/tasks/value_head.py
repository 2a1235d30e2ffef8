"""The head of a target that is a number: one output, learned in scaled units, told in its own."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from sensorium.core.batch import Column
from sensorium.metrics.regression import value_scores
from sensorium.metrics.tally import Score, Weight
from sensorium.tasks.head import Array, Head


@runtime_checkable
class Scale(Protocol):
    """What a fitted number step must be able to do."""

    def inverse(self, values: Array) -> Array:
        """Turn scaled values back into the column's own units."""


def value_losses(
    outputs: Float[Tensor, " rows"], truth: Float[Tensor, " rows"], huber: float = 0.0
) -> Float[Tensor, " rows"]:
    """Give each row's squared error.

    Args:
        outputs: scaled values.
        truth: scaled values.
        huber: beyond this error (in deviations) the loss grows straight, not squared, so that a
            few wild rows do not rule (Huber 1964); 0 stays squared.
    """
    if not huber:
        return F.mse_loss(outputs, truth, reduction="none")
    return 2 * F.huber_loss(outputs, truth, reduction="none", delta=huber)


class ValueHead(Head):
    """One number a row.

    Args:
        width: width of the vectors.
        parts: how many input columns.
        scale: the target's fitted step, which knows its units.
        huber: as in ``value_losses``.
    """

    form: ClassVar[str] = "values"

    def __init__(self, width: int, parts: int, scale: Scale, *, huber: float = 0.0) -> None:
        super().__init__(width, parts, 1)
        self.scale = scale
        self.huber = huber
        self.primary = "rmse"
        self.lower_is_better = True

    def loss(self, outputs: Tensor, column: Column, weight: Tensor | None = None) -> Tensor:
        """Average over the rows that have the number."""
        counts = column.present if weight is None else column.present & weight
        truth, found = column.values[counts, 0], outputs[counts, 0]
        exact = torch.promote_types(truth.dtype, found.dtype)  # no truth of half precision
        losses = value_losses(found.to(exact), truth.to(exact), self.huber)
        return losses.sum() / max(1, len(losses))

    def decide(self, outputs: Tensor) -> Array:
        """Give values in the target's own units, [rows]."""
        return self._own(outputs[:, 0])

    def truth(self, column: Column) -> Array:
        """Give the true values in the target's own units; NaN where there is none."""
        return np.where(column.present.cpu().numpy(), self._own(column.values[:, 0]), np.nan)

    def _own(self, scaled: Tensor) -> Array:
        values = self.scale.inverse(scaled.detach().cpu().double().numpy())
        return np.asarray(values, dtype=np.float64)

    def answers(self, decided: Array) -> list[Any]:
        """Give plain numbers."""
        return [float(value) for value in decided]

    def metrics(self, truth: Array, decided: Array, weight: Weight = None) -> Mapping[str, Score]:
        """Score the errors, in the target's own units."""
        return value_scores(truth, decided, weight)

    def errors(self, truth: Array, decided: Array) -> Array:
        """Give each row's absolute error."""
        return np.asarray(np.abs(decided - truth))
