"""The second door: Encoder(column) -> Encoded. Knows one column, and nothing of its neighbours."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.describe import represent
from sensorium.core.schema import Field


class Encoder(nn.Module, ABC):
    """Turns one column into tokens of the common width.

    A subclass is final. It keeps each ``__init__`` keyword under its own name, makes its weights
    in ``setup``, and computes in ``encode``, which sees only rows that have the cell: absent
    cells never reach it, so they can change nothing and receive no gradient.

    Attributes:
        kinds: the kinds of column that it reads, such as ``{"image"}``.
        width: the width of its tokens.
    """

    kinds: ClassVar[frozenset[str]]

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    @abstractmethod
    def setup(self, layout: Layout) -> None:
        """Make the weights for a fitted column; called once, before the first ``encode``."""

    @abstractmethod
    def encode(self, column: Column) -> Encoded:
        """Encode rows that all have the cell."""

    def forward(self, column: Column) -> Encoded:
        """Encode a column, whatever is missing in it; absent rows get zeros and an empty mask."""
        rows = column.present.nonzero().squeeze(1)
        if len(rows) == len(column.present):
            return self.encode(column)
        if len(rows) == 0:
            return self._nothing(column)
        some = self.encode(column.rows(rows))
        return Encoded(
            tokens=_spread(some.tokens, rows, len(column.present)),
            mask=_spread(some.mask, rows, len(column.present)),
            present=column.present,
        )

    def suited(self, field: Field) -> Field:
        """Give the field as this encoder needs its cells: their size, rate or tokenizer."""
        return field

    @property
    def frozen(self) -> nn.Module | None:
        """The part that no training changes, if there is one; its features can be kept."""
        return None

    def extract(self, column: Column) -> Column:
        """Let the frozen part work on rows that all have the cell; its features as a column."""
        return column

    def paces(self) -> Mapping[str, float]:
        """Give the share of the plan's rate, by name of the weight, where it is not 1."""
        return {}

    def state(self) -> Mapping[str, Any]:
        """Give, as JSON data, what was read from elsewhere and is needed to make it again."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what ``state`` gave, before ``setup``; weights will follow."""

    def _nothing(self, column: Column) -> Encoded:
        mask = torch.zeros(len(column.present), 1, dtype=torch.bool, device=column.present.device)
        return Encoded(mask.unsqueeze(-1).expand(-1, -1, self.width).float(), mask, column.present)

    def extra_repr(self) -> str:
        """Show the keywords in ``print(model)``."""
        return represent(self)


def is_frozen(model: nn.Module) -> Callable[[str], bool]:
    """Give a test of whether a tensor of the model's state lies in a frozen part.

    Encoders and decoders say by ``frozen`` what of them is; adapters inside it are trained.
    """
    prefixes = tuple(
        f"{name}.{inner}." if name else f"{inner}."
        for name, part in model.named_modules()
        if isinstance(own := getattr(part, "frozen", None), nn.Module)
        for inner, module in part.named_modules()
        if module is own
    )
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    return lambda name: name.startswith(prefixes) and name not in trained


def _spread(some: Tensor, rows: Tensor, count: int) -> Tensor:
    return some.new_zeros(count, *some.shape[1:]).index_copy(0, rows, some)


def one_token(vectors: Tensor, column: Column) -> Encoded:
    """Wrap one vector a row, Float[batch width], as a sequence of one token."""
    mask = torch.ones(len(vectors), 1, dtype=torch.bool, device=vectors.device)
    return Encoded(vectors.unsqueeze(1), mask, column.present)


def as_encoded(tokens: Tensor, mask: Tensor, column: Column) -> Encoded:
    """Wrap tokens, Float[batch time width], with zeros where they are masked."""
    return Encoded(tokens.masked_fill(~mask.unsqueeze(-1), 0.0), mask, column.present)
