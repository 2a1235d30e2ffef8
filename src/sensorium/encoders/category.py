"""Categories and flags: one learned vector for each name."""

from typing import ClassVar

from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, one_token


class Categories(Encoder):
    """An embedding; of a column that holds many names, their sum over the root of their number."""

    kinds: ClassVar[frozenset[str]] = frozenset({"category", "flag"})

    def __init__(self, width: int, dropout: float = 0.0) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            dropout: share of features dropped while training.
        """
        super().__init__(width)
        self.dropout = dropout

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        self.embed = nn.Embedding(max(layout.vocabulary, 1), self.width)
        self.drop = nn.Dropout(self.dropout)

    def encode(self, column: Column) -> Encoded:
        """Encode ids, Int[batch 1], or a row of zeros and ones, Float[batch classes]."""
        if column.values.is_floating_point():
            vectors = self._many(column.values)
        else:
            vectors = self.embed(column.values[:, 0])
        return one_token(self.drop(vectors), column)

    def _many(self, values: Tensor) -> Tensor:
        weight = self.embed.weight[: values.shape[1]]
        return values.to(weight) @ weight / values.sum(1, keepdim=True).clamp(min=1).sqrt()
