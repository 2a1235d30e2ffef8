"""The two-layer network that every house needs: Linear, GELU, Linear."""

from jaxtyping import Float
from torch import Tensor, nn


class MLP(nn.Module):
    """Two linear layers with a GELU between them, applied to the last dimension.

    Args:
        width: features in.
        hidden: features between; 0 takes four times ``width``.
        out: features out; 0 takes ``width``.
        dropout: share of hidden features dropped while training.
    """

    def __init__(self, width: int, hidden: int = 0, out: int = 0, dropout: float = 0.0) -> None:
        super().__init__()
        hidden = hidden or 4 * width
        self.up = nn.Linear(width, hidden)
        self.act = nn.GELU()
        self.drop = nn.Dropout(dropout)
        self.down = nn.Linear(hidden, out or width)

    def forward(self, x: Float[Tensor, " *any width"]) -> Float[Tensor, " *any out"]:
        """Compute the network."""
        out: Tensor = self.down(self.drop(self.act(self.up(x))))
        return out
