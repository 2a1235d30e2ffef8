"""Heads: from a fused vector to one target's outputs, with their loss, decision and scores."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from sensorium.core.batch import Column

Array = NDArray[Any]


class Head(nn.Module, ABC):
    """One target's output layers. One instance serves the fusion and every part alone.

    Decided outputs are numpy arrays: probabilities [rows classes] for classes and tags, values in
    the target's own units [rows] for numbers. Truths are numpy arrays: class numbers [rows] with
    -1 where unknown, 0/1 [rows classes] with -1 where unknown, numbers [rows] with NaN.

    Attributes:
        form: ``"classes"``, ``"tags"`` or ``"values"``.
        names: the classes or tags, in order; () for values.
        primary: the metric that chooses the best epoch; more is better unless ``lower_is_better``.
    """

    form: ClassVar[str]
    names: tuple[str, ...] = ()
    primary: str = ""
    lower_is_better: bool = False

    @abstractmethod
    def loss(self, outputs: Tensor, column: Column, weight: Tensor | None = None) -> Tensor:
        """Average the loss over the rows that have the target; 0 when none has.

        Args:
            outputs: raw outputs, Float[batch outputs].
            column: the target.
            weight: which rows count, Bool[batch]; None counts all.
        """

    @abstractmethod
    def decide(self, outputs: Tensor) -> Array:
        """Turn raw outputs into probabilities or values."""

    @abstractmethod
    def truth(self, column: Column) -> Array:
        """Take the true values out of a target column."""

    @abstractmethod
    def answers(self, decided: Array) -> list[Any]:
        """Turn decided outputs into what the user wants to read."""

    @abstractmethod
    def metrics(self, truth: Array, decided: Array) -> Mapping[str, float]:
        """Score decided outputs; rows of unknown truth must be left out before."""

    @abstractmethod
    def errors(self, truth: Array, decided: Array) -> Array:
        """Give one number a row: how wrong the answer is (log loss or absolute error)."""

    @staticmethod
    def known(truth: Array) -> NDArray[np.bool_]:
        """Tell the rows whose truth is known."""
        first = truth if truth.ndim == 1 else truth[:, 0]
        if truth.dtype.kind == "i":
            return np.asarray(first != -1)
        return ~np.isnan(first)
