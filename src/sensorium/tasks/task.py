"""The fourth door: Task. What the model is for: outputs, losses, answers and scores."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from torch import Tensor, nn

from sensorium.core.batch import Batch, Features, Fused
from sensorium.core.describe import represent
from sensorium.core.schema import Field
from sensorium.decoders import Decoder
from sensorium.decoders.prompt import columns_of
from sensorium.preprocess.step import Step
from sensorium.tasks.head import Array, Head


class Body(Protocol):
    """What does a task's work for it: another task, or a part that several tasks share."""

    def __call__(self, fused: Fused, batch: Batch) -> Features:
        """Compute raw outputs."""

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Give named losses."""

    def decided(self, features: Features) -> dict[str, Array]:
        """Give what the answers are judged by."""

    def predict(self, features: Features) -> list[Any]:
        """Give one answer a row."""

    def study(self, texts: Mapping[str, Sequence[tuple[str, ...]]]) -> None:
        """Look at all texts of the training rows."""


class Task(nn.Module, ABC):
    """Turns fused features into outputs, losses and answers.

    A subclass keeps each ``__init__`` keyword under its own name and makes its weights in
    ``setup``. ``forward`` holds all the weights; ``loss`` and ``predict`` compute from what
    ``forward`` gave, so that a model wrapped for many machines still works. A subclass has these
    three, or gives ``setup`` a ``body`` that has them.

    Attributes:
        targets: the columns that it learns to give.
        columns: the input columns that it brings into one space, for tasks that do.
        heads: one head a target, for tasks that end in labels, numbers or words; known after
            ``setup``.
        body: what does the work, for tasks that leave it to another part.
        wanted: the kind that each target must have, where the task leaves no choice.
        reads: the columns whose words it reads, as they stand in the table; known after ``setup``.
        needs: the input columns without which there is nothing to do; known after ``setup``.
        decoder: what writes, for tasks that were given one.
    """

    targets: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    heads: Mapping[str, Head]
    body: Body
    wanted: Mapping[str, type[Field]] = {}
    reads: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    decoder: Decoder | None = None

    @abstractmethod
    def setup(self, width: int, names: Sequence[str], steps: Mapping[str, Step]) -> None:
        """Make the weights.

        Args:
            width: the width of the fused vector.
            names: the input columns.
            steps: the fitted steps by column, inputs and targets.
        """

    def forward(self, fused: Fused, batch: Batch) -> Features:
        """Compute raw outputs."""
        features: Features = self.body(fused, batch)
        return features

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Give named losses, weighted, to be summed; rows without the target do not count."""
        return self.body.loss(features, batch)

    def predict(self, features: Features) -> list[Any]:
        """Give one answer a row."""
        return self.body.predict(features)

    def decided(self, features: Features) -> dict[str, Array]:
        """Give what the answers are judged by, by target: what each head made of its outputs."""
        if hasattr(self, "body"):
            return self.body.decided(features)
        return {t: head.decide(features.outputs[t]) for t, head in self.heads.items()}

    @property
    def asked(self) -> tuple[str, ...]:
        """The input columns that its decoder's prompt repeats; they need no encoder."""
        return () if self.decoder is None else columns_of(self.decoder.asks)

    def suited(self, target: str, field: Field) -> Field:  # noqa: ARG002  by default any will do
        """Give a target's field as this task needs its cells: a decoder's own tokenizer."""
        return field if self.decoder is None else self.decoder.suited(field)

    def study(self, texts: Mapping[str, Sequence[tuple[str, ...]]]) -> None:
        """Look at all texts of the training rows, by column, before learning."""
        if hasattr(self, "body"):
            self.body.study(texts)

    def state(self) -> Mapping[str, Any]:
        """Give, as JSON data, what was read from elsewhere and is needed to make it again."""
        return {} if self.decoder is None else self.decoder.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what ``state`` gave, before ``setup``; weights will follow."""
        if self.decoder is not None:
            self.decoder.restore(state)

    def extra_repr(self) -> str:
        """Show the keywords in ``print(model)``."""
        return represent(self)
