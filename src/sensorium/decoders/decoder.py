"""What every decoder does: scores the next token from those before it and from what it looks at.

Abstract; a subclass is final. ``sampling.write`` turns the scores into texts, and is the same for
all of them.

Legend: batch = rows, time = steps of what it looks at, steps = tokens of the text, vocabulary =
all ids it may write, its own marks included.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sensorium.core.batch import Layout
from sensorium.core.describe import represent
from sensorium.core.schema import Field


class State(ABC):
    """What a decoder keeps of the tokens written so far, row by row, so as not to read them again.

    Attributes:
        steps: how many tokens it has read.
    """

    steps: int

    @abstractmethod
    def select(self, rows: Int[Tensor, " some"]) -> "State":
        """Take some rows, in this order; a row may be taken several times."""


class Decoder(nn.Module, ABC):
    """Writes token by token. It keeps each ``__init__`` keyword under its own name.

    Attributes:
        begin: the ids that stand before every text.
        end: the id that ends one.
        never: ids that are never written.
        first_never: ids that are not written as the first of a text.
        limit: the most tokens that it writes unless told otherwise.
        asks: words that stand between ``begin`` and each row's text, where columns are named in
            them, see ``prompt``; "" where all texts begin alike.
        reads: whether it looks at the fused vector and all tokens, or at the tokens alone, as a
            decoder must that learned to read just these.
    """

    begin: Sequence[int]
    end: int
    never: Sequence[int]
    first_never: Sequence[int] = ()
    limit: int
    asks: str = ""
    reads: Literal["all", "tokens"] = "all"

    @abstractmethod
    def setup(self, width: int, layout: Layout) -> None:
        """Make the weights.

        Args:
            width: features of what it looks at.
            layout: the fitted target: its vocabulary, and its longest text.
        """

    @abstractmethod
    def forward(
        self,
        memory: Float[Tensor, " batch time width"],
        mask: Bool[Tensor, " batch time"],
        tokens: Int[Tensor, " batch steps"],
    ) -> Float[Tensor, " batch steps vocabulary"]:
        """Score what follows each token, all at once, as training does.

        Args:
            memory: what it looks at.
            mask: which of that is real.
            tokens: the text so far, ``begin`` first; what stands behind a token does not matter.
                Marks of a row's own, which ``begins`` gives, are settled here in passing.
        """

    def begins(
        self,
        memory: Float[Tensor, " batch time width"],
        mask: Bool[Tensor, " batch time"],  # noqa: ARG002  by default all texts begin alike
    ) -> Int[Tensor, " batch marks"]:
        """Give what stands before each row's text: ``begin``, or as many ids of its own."""
        marks = torch.tensor([list(self.begin)], dtype=torch.long, device=memory.device)
        return marks.expand(len(memory), -1)

    @abstractmethod
    def start(
        self, memory: Float[Tensor, " batch time width"], mask: Bool[Tensor, " batch time"]
    ) -> State:
        """Get ready to write; nothing is read yet."""

    def room(self, state: State) -> Sequence[int] | None:  # noqa: ARG002  by default there is no end
        """Give how many tokens each row can still read, marks and all; None where any number."""
        return None

    @abstractmethod
    def step(
        self, tokens: Int[Tensor, " batch steps"], state: State
    ) -> Float[Tensor, " batch vocabulary"]:
        """Read further tokens, as many in each row, and score what follows the last of them."""

    def attention(
        self,
        memory: Float[Tensor, " batch time width"],  # noqa: ARG002  by default it tells nothing
        mask: Bool[Tensor, " batch time"],  # noqa: ARG002
        tokens: Int[Tensor, " batch steps"],  # noqa: ARG002
    ) -> Float[Tensor, " batch steps time"] | None:
        """Give how much each token looks at each step of the memory; None where it does not tell.

        The weights are those with which the token *behind* each of ``tokens`` was chosen.
        """
        return None

    def suited(self, field: Field) -> Field:
        """Give the target's field as this decoder needs it: its tokenizer."""
        return field

    @property
    def frozen(self) -> nn.Module | None:
        """The part of which training changes nothing but adapters, if there is one."""
        return None

    def paces(self) -> Mapping[str, float]:
        """Give the share of the plan's rate, by name of the weight, where it is not 1."""
        return {}

    def state(self) -> Mapping[str, Any]:
        """Give, as JSON data, what was read from elsewhere and is needed to make it again."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what ``state`` gave, before ``setup``; weights will follow."""

    def extra_repr(self) -> str:
        """Show the keywords in ``print(model)``."""
        return represent(self)


def learned_marks(layout: Layout) -> tuple[int, tuple[int, ...]]:
    """Give a mark of our own, one beyond the vocabulary, and the ids that are never written.

    Tokenizers that were learned from the rows keep ids 0 and 1 for padding and the unknown.
    """
    return layout.vocabulary, () if layout.tokenizer else (0, 1)
