"""Attention, softmax(Q K^T / sqrt d) V, and the pre-norm Transformer made of it.

Knows sequences of tokens and which of them are real; nothing of what they stand for.
Vaswani et al. 2017 (attention), Xiong et al. 2020 (norm before, not after, each layer).

Legend: batch = rows, query and time = steps of the asking and the answering sequence,
heads * size = width.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sensorium.core.errors import PartError
from sensorium.nn.mlp import MLP


def attend(
    query: Float[Tensor, " batch heads query size"],
    key: Float[Tensor, " batch heads time size"],
    value: Float[Tensor, " batch heads time size"],
    mask: Bool[Tensor, " #batch #query time"],
    dropout: float = 0.0,
) -> Float[Tensor, " batch heads query size"]:
    """Compute softmax(Q K^T / sqrt(size)) V over the steps that are real.

    A query that may look at nothing gets 0, not NaN.

    Args:
        query: what asks, by head.
        key: what is compared with the query.
        value: what is averaged.
        mask: which steps each query may look at; of one row, all rows alike.
        dropout: share of attention weights dropped.
    """
    mask = mask.unsqueeze(1)
    some = mask.any(-1, keepdim=True)
    out = F.scaled_dot_product_attention(
        query, key, value, attn_mask=mask | ~some, dropout_p=dropout
    )
    return out.masked_fill(~some, 0.0)


class Attention(nn.Module):
    """Multi-head attention of one sequence to another, or to itself.

    Args:
        width: features of both sequences.
        heads: how many heads share them.
        dropout: share of attention weights dropped while training.
    """

    def __init__(self, width: int, heads: int = 4, dropout: float = 0.0) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            msg = f"attention needs a width that heads divide; found width={width}, heads={heads}"
            raise PartError(msg)
        self.heads = heads
        self.dropout = dropout
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self,
        query: Float[Tensor, " batch query width"],
        context: Float[Tensor, " batch time width"] | None = None,
        mask: Bool[Tensor, " batch time"] | Bool[Tensor, " batch query time"] | None = None,
    ) -> Float[Tensor, " batch query width"]:
        """Let each query look at the context.

        Args:
            query: the tokens that ask.
            context: the tokens that answer; None asks ``query`` itself.
            mask: which tokens of the context are real, the same for all queries or for each its
                own; None takes all.
        """
        return self.look(query, *self.answering(query if context is None else context), mask)

    def answering(
        self, context: Float[Tensor, " batch time width"]
    ) -> tuple[Float[Tensor, " batch heads time size"], Float[Tensor, " batch heads time size"]]:
        """Give the keys and values of a context, which can be kept and asked again."""
        key, value = self.key_value(context).chunk(2, dim=-1)
        return self._split(key), self._split(value)

    def look(
        self,
        query: Float[Tensor, " batch query width"],
        key: Float[Tensor, " batch heads time size"],
        value: Float[Tensor, " batch heads time size"],
        mask: Bool[Tensor, " batch time"] | Bool[Tensor, " #batch query time"] | None = None,
    ) -> Float[Tensor, " batch query width"]:
        """Let each query look at keys and values that were made before."""
        if mask is None:
            mask = torch.ones(len(key), key.shape[2], dtype=torch.bool, device=key.device)
        mask = mask.unsqueeze(1) if mask.ndim == 2 else mask
        asked, dropout = self._split(self.query(query)), self.dropout if self.training else 0.0
        out = attend(asked, key, value, mask, dropout)
        joined: Tensor = self.out(out.transpose(1, 2).flatten(2))
        return joined

    def weights(
        self,
        query: Float[Tensor, " batch query width"],
        key: Float[Tensor, " batch heads time size"],
        mask: Bool[Tensor, " batch time"],
    ) -> Float[Tensor, " batch query time"]:
        """Give how much each query looks at each step, averaged over the heads; sums to 1."""
        asked = self._split(self.query(query))
        near = asked @ key.transpose(2, 3) / asked.shape[-1] ** 0.5
        near = near.masked_fill(~mask[:, None, None], torch.finfo(near.dtype).min)
        shares: Tensor = near.softmax(-1).mean(1)
        return shares

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


class Block(nn.Module):
    """One pre-norm layer: x + attention(norm(x)), then x + mlp(norm(x)).

    Args:
        width, heads, dropout: as in ``Attention``; dropout also acts on what is added.
        expand: hidden width of the MLP, in widths.
    """

    def __init__(
        self, width: int, heads: int = 4, dropout: float = 0.0, expand: float = 4.0
    ) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = MLP(width, int(expand * width), dropout=dropout)
        self.drop = nn.Dropout(dropout)

    def forward(
        self,
        tokens: Float[Tensor, " batch time width"],
        mask: Bool[Tensor, " batch time"] | Bool[Tensor, " batch time time"] | None = None,
    ) -> Float[Tensor, " batch time width"]:
        """Let the tokens look at one another."""
        tokens = tokens + self.drop(self.attention(self.norm_attention(tokens), mask=mask))
        out: Tensor = tokens + self.drop(self.mlp(self.norm_mlp(tokens)))
        return out


class Transformer(nn.Module):
    """A stack of blocks and a last norm; with ``depth=0`` it gives its tokens back unchanged.

    Args:
        width, heads, dropout, expand: as in ``Block``.
        depth: how many blocks.
    """

    def __init__(
        self, width: int, depth: int, heads: int = 4, dropout: float = 0.0, expand: float = 4.0
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(width, heads, dropout, expand) for _ in range(depth))
        self.norm = nn.LayerNorm(width) if depth else nn.Identity()

    def forward(
        self,
        tokens: Float[Tensor, " batch time width"],
        mask: Bool[Tensor, " batch time"] | Bool[Tensor, " batch time time"] | None = None,
    ) -> Float[Tensor, " batch time width"]:
        """Run all blocks; masked tokens are never looked at."""
        for block in self.blocks:
            tokens = block(tokens, mask)
        out: Tensor = self.norm(tokens)
        return out
