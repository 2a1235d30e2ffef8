"""What a pretrained network must be for ``Pretrained`` to stand on it.

Legend: batch = rows that all have the cell, time = tokens, features = what the network calls its
hidden size (or, of its summary, its embedding size).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.errors import PartError
from sensorium.core.schema import Field


class Tower(nn.Module, ABC):
    """A pretrained network that reads one kind of column. A subclass is final.

    Attributes:
        kind: the kind of column that it reads.
        features: the width of its tokens.
        summed: the width of its summary.
        trainable: whether any of it can be trained.
    """

    kind: ClassVar[str]
    trainable: ClassVar[bool] = True
    features: int
    summed: int

    @abstractmethod
    def tokens(self, column: Column) -> Encoded:
        """Give Float[batch time features]."""

    def everything(self, column: Column) -> Encoded:
        """Give all tokens as its own decoder sees them: those behind the end of a cell, too."""
        return self.tokens(column)

    @abstractmethod
    def summary(self, column: Column) -> Float[Tensor, " batch summed"]:
        """Give one vector a row, in the way that the network was trained for."""

    @abstractmethod
    def blocks(self) -> Sequence[nn.Module]:
        """List its blocks, the first to work first; what is in none of them counts as earlier."""

    @abstractmethod
    def suited(self, field: Field) -> Field:
        """Give the field as this network needs its cells."""

    @abstractmethod
    def check(self, layout: Layout) -> None:
        """Compare the network with a fitted column.

        Errors:
            PartError: its cells are not what the network was trained on, such as ids of another
                tokenizer.
        """

    def shorten(self, seconds: int) -> None:
        """Hear so much at once from now on, in less time.

        Errors:
            PartError: the network takes what comes, whatever its length.
        """
        msg = f"seconds={seconds} is for a network that fills every sound up to one length: Whisper"
        raise PartError(msg)

    @abstractmethod
    def state(self) -> Mapping[str, Any]:
        """Give, as JSON data, all that is needed to make it again without weights."""
