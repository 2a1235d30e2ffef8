"""The fourth door: Task. What the model is for: outputs, losses, answers and scores."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from sensorium.core.batch import Batch, Features, Fused
from sensorium.core.describe import represent
from sensorium.preprocess.step import Step
from sensorium.tasks.head import Head


class Task(nn.Module, ABC):
    """Turns fused features into outputs, losses and answers.

    A subclass keeps each ``__init__`` keyword under its own name and makes its weights in
    ``setup``. ``forward`` holds all the weights; ``loss`` and ``predict`` compute from what
    ``forward`` gave, so that a model wrapped for many machines still works.

    Attributes:
        targets: the columns that it learns to give.
        columns: the input columns that it brings into one space, for tasks that do.
        heads: one head a target, for tasks that end in labels or numbers; known after ``setup``.
    """

    targets: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    heads: Mapping[str, Head]

    @abstractmethod
    def setup(self, width: int, names: Sequence[str], steps: Mapping[str, Step]) -> None:
        """Make the weights.

        Args:
            width: the width of the fused vector.
            names: the input columns.
            steps: the fitted steps of the targets, by target.
        """

    @abstractmethod
    def forward(self, fused: Fused, batch: Batch) -> Features:
        """Compute raw outputs."""

    @abstractmethod
    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Give named losses, weighted, to be summed; rows without the target do not count."""

    @abstractmethod
    def predict(self, features: Features) -> list[Any]:
        """Give one answer a row."""

    def extra_repr(self) -> str:
        """Show the keywords in ``print(model)``."""
        return represent(self)
