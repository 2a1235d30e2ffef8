"""Numbers by how far they have come through each of the bins (Gorishniy et al. 2022, "PLE")."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, one_token


def piecewise(
    values: Float[Tensor, " batch"], edges: Float[Tensor, " count"]
) -> Float[Tensor, " batch bins"]:
    """Encode numbers by bins: 1 in bins that lie below, 0 above, the share passed within.

    The first bin goes on below 0 and the last beyond 1, so that no number outside is lost.

    Args:
        values: numbers.
        edges: rising bounds of the bins, one more than there are bins.
    """
    share = (values.unsqueeze(1) - edges[:-1]) / (edges[1:] - edges[:-1])
    if share.shape[1] == 1:
        return share
    first, middle, last = share[:, :1], share[:, 1:-1], share[:, -1:]
    return torch.cat([first.clamp(max=1), middle.clamp(0, 1), last.clamp(min=0)], 1)


class Piecewise(Encoder):
    """The piecewise-linear encoding over the training quantiles, one linear layer, ReLU."""

    kinds: ClassVar[frozenset[str]] = frozenset({"number"})

    edges: Tensor

    def setup(self, layout: Layout) -> None:
        """Make the weights; a column of one value or none gets a single bin, that is, a line."""
        edges = torch.unique(torch.tensor(layout.edges or (0.0,)))
        if len(edges) == 1:
            edges = torch.cat([edges, edges + 1])
        self.register_buffer("edges", edges, persistent=False)
        self.linear = nn.Linear(len(edges) - 1, self.width)

    def encode(self, column: Column) -> Encoded:
        """Encode numbers, Float[batch 1]."""
        bins = piecewise(column.values[:, 0].to(self.edges.dtype), self.edges)
        return one_token(F.relu(self.linear(bins)), column)
