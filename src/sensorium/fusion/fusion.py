"""The third door: Fusion(mapping of Encoded) -> Fused. Knows no kinds: every column is tokens."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from sensorium.core.batch import Encoded, Fused
from sensorium.core.describe import represent
from sensorium.core.errors import PartError


class Fusion(nn.Module, ABC):
    """Lets columns meet.

    A subclass is final. It keeps each ``__init__`` keyword under its own name, makes its weights
    in ``build``, and computes in ``fuse``. There every column has tokens in every row: an absent
    cell has become the learned token of its column, so ``fuse`` may treat all rows alike, or look
    at ``present`` to weigh an absent column down.

    Attributes:
        width: the width of tokens in and out.
        names: the columns, in order; known after ``setup``.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.names: tuple[str, ...] = ()

    def setup(self, names: Sequence[str]) -> None:
        """Make the weights for these columns; called once, before the first use."""
        self.names = tuple(names)
        self.absent = nn.ParameterList(torch.randn(self.width) * 0.02 for _ in names)
        self.build(len(self.names))

    @abstractmethod
    def build(self, parts: int) -> None:
        """Make the weights for so many columns (``self.names`` says which)."""

    @abstractmethod
    def fuse(self, encoded: Sequence[Encoded]) -> Fused:
        """Fuse the columns, given in the order of ``names``."""

    def forward(self, encoded: Mapping[str, Encoded]) -> Fused:
        """Fuse columns, whatever is missing in them."""
        if set(encoded) != set(self.names):
            msg = f"this fusion was set up for {list(self.names)}, it was given {list(encoded)}"
            raise PartError(msg)
        filled = [fill(encoded[n], token) for n, token in zip(self.names, self.absent, strict=True)]
        fused = self.fuse(filled)
        return replace(
            fused,
            parts=fused.parts or {n: e.pooled() for n, e in zip(self.names, filled, strict=True)},
            present={name: encoded[name].present for name in self.names},
            lengths={n: e.tokens.shape[1] for n, e in zip(self.names, filled, strict=True)},
        )

    def extra_repr(self) -> str:
        """Show the keywords in ``print(model)``."""
        return represent(self)


def fill(encoded: Encoded, token: Tensor) -> Encoded:
    """Put the learned token in place of absent cells, as a sequence of one."""
    absent = ~encoded.present
    if not absent.any():
        return encoded
    first = torch.zeros_like(encoded.mask)
    first[:, 0] = True
    tokens = torch.where(
        absent[:, None, None], token.to(encoded.tokens.dtype) * first.unsqueeze(-1), encoded.tokens
    )
    return Encoded(tokens, torch.where(absent[:, None], first, encoded.mask), encoded.present)


def joined(encoded: Sequence[Encoded]) -> tuple[Tensor, Tensor]:
    """Lay all tokens in one sequence: Float[batch time width] and Bool[batch time]."""
    return torch.cat([e.tokens for e in encoded], 1), torch.cat([e.mask for e in encoded], 1)


def stacked(encoded: Sequence[Encoded]) -> tuple[Tensor, Tensor]:
    """Stack one pooled vector a column: Float[batch parts width], and Bool[batch parts].

    The second says which parts to weigh: those present, or all where none is.
    """
    present = torch.stack([e.present for e in encoded], 1)
    return torch.stack([e.pooled() for e in encoded], 1), present | ~present.any(1, keepdim=True)


def averaged(vectors: Tensor, weight: Tensor) -> Tensor:
    """Average Float[batch parts width] over the parts, each by its weight, [batch parts]."""
    weight = weight.to(vectors.dtype)
    return torch.einsum("bp,bpw->bw", weight, vectors) / weight.sum(1, keepdim=True)


def projected(layers: nn.ModuleList, vectors: Tensor) -> Tensor:
    """Project each part of Float[batch parts width] by its own layer: Float[batch parts out]."""
    return torch.stack([layer(vectors[:, i]) for i, layer in enumerate(layers)], 1)


def as_fused(pooled: Tensor, encoded: Sequence[Encoded]) -> Fused:
    """Wrap a fused vector, with the columns' own tokens behind it as the sequence."""
    tokens, mask = joined(encoded)
    return Fused(pooled, tokens, mask)
