"""Heads: from a fused vector to one target's outputs, with their loss, decision and scores."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor, nn

from sensorium.core.batch import Column, Decide
from sensorium.metrics.tally import Score, Weight

Array = NDArray[Any]


OBJECTS = frozenset({"texts", "spans", "keywords"})
"""The forms of heads whose truths and answers are arrays of objects."""


class Head(nn.Module, ABC):
    """One target's output layers, for the fusion and for each part alone. A subclass is final.

    One linear layer reads the fused vector and one each part's own, so that a starved part is
    seen while training; all the rest is shared by them.

    Decided outputs are numpy arrays: probabilities [rows classes] for classes and tags, values in
    the target's own units [rows] for numbers. Truths are numpy arrays: class numbers [rows] with
    -1 where unknown and ``len(names)`` where the class was never seen in training; 0/1
    [rows classes] with -1 where unknown; numbers [rows] with NaN where unknown. Texts are arrays
    of objects: the answer, a str, and as truth the tuple of texts that are right, () where unknown.

    Attributes:
        form: ``"classes"``, ``"tags"``, ``"values"``, or of objects: ``"texts"``, ``"spans"``,
            ``"keywords"``.
        names: the classes or tags, in order; () for values and texts.
        primary: the metric that chooses the best epoch; more is better unless ``lower_is_better``.
        learns_threshold: whether ``fit_thresholds`` has anything to choose.
    """

    form: ClassVar[str]
    names: tuple[str, ...] = ()
    primary: str = ""
    lower_is_better: bool = False
    learns_threshold: bool = False

    def __init__(self, width: int, parts: int, outputs: int) -> None:
        super().__init__()
        if outputs:  # words are written by a decoder, which has weights of its own
            self.joint = nn.Linear(width, outputs)
            self.apart = nn.ModuleList(nn.Linear(width, outputs) for _ in range(parts))

    def forward(self, pooled: Float[Tensor, " batch width"]) -> Float[Tensor, " batch outputs"]:
        """Compute raw outputs from the fused vector."""
        outputs: Tensor = self.joint(pooled)
        return outputs

    def alone(
        self, parts: Sequence[Float[Tensor, " batch width"]]
    ) -> list[Float[Tensor, " batch outputs"]]:
        """Compute raw outputs from each part's own vector, in the order of the input columns."""
        return [layer(part) for layer, part in zip(self.apart, parts, strict=True)]

    def together(
        self,
        decide: Decide,
        alone: Float[Tensor, " batch parts outputs"],
        present: Bool[Tensor, " batch parts"],
    ) -> Float[Tensor, " batch outputs"]:
        """Let a late fusion make one decision of the parts' decisions."""
        return decide(alone, present, "values" if self.form == "values" else "scores")

    def chosen(self, decided: Array) -> Array:
        """Say what is answered: class numbers [rows], Bool[rows tags], or the values."""
        if self.form == "classes":
            return np.asarray(decided.argmax(1))
        if self.form == "tags":
            answers = self.answers(decided)
            return np.array([[name in tags for name in self.names] for tags in answers], bool)
        return decided

    def fit_thresholds(self, truth: Array, decided: Array) -> None:
        """Choose on validation rows from which probability on to answer yes."""

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
    def metrics(self, truth: Array, decided: Array, weight: Weight = None) -> Mapping[str, Score]:
        """Score decided outputs; rows of unknown truth must be left out before.

        Args:
            truth: from ``truth``.
            decided: from ``decide``.
            weight: how much each row counts, [rows]; or [draws rows], which gives an array of one
                score a draw and costs far less than a call a draw.
        """

    def score(self, truth: Array, decided: Array, weight: Weight = None) -> Score:
        """Give the primary metric alone, where the others would cost too much."""
        return self.metrics(truth, decided, weight)[self.primary]

    @abstractmethod
    def errors(self, truth: Array, decided: Array) -> Array:
        """Give one number a row: how wrong the answer is (log loss or absolute error)."""

    def in_words(self, one: Any) -> str:
        """Write the truth of one row, or the answer to it, where they are objects."""
        return str(one)

    @staticmethod
    def known(truth: Array) -> NDArray[np.bool_]:
        """Tell the rows whose truth is known."""
        first = truth if truth.ndim == 1 else truth[:, 0]
        if truth.dtype.kind == "i":
            return np.asarray(first != -1)
        return ~np.isnan(first)


def as_rows(rows: Iterable[Any]) -> Array:
    """Put one object a row into an array."""
    listed = list(rows)
    out = np.empty(len(listed), object)
    for place, row in enumerate(listed):
        out[place] = row
    return out
