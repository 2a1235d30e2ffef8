"""Recurrent layers that read a sequence in both directions and never see its padding.

Hochreiter and Schmidhuber 1997 (LSTM), Cho et al. 2014 (GRU), Schuster and Paliwal 1997 (both
directions). Rather than pack sequences, the backward layer gets each row reversed within its own
length: the same numbers, and the same program on every device and in every exported form.

Legend: batch = rows, time = steps, real ones first, width = features.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

CELLS: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"gru": nn.GRU, "lstm": nn.LSTM}


def run_cells(
    cells: nn.Module, tokens: Float[Tensor, " batch time width"], state: Any = None
) -> Any:
    """Run recurrent layers; in 32 bits under autocast where a processor has no bf16 for them.

    Args:
        cells: the layers, of LSTM or GRU, batch first.
        tokens: the sequence.
        state: where they begin, as they gave it; None begins with zeros.

    Returns:
        What the layers give: a step each, and the state behind the last.
    """
    if tokens.device.type != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return cells(tokens, state)
    exact = next(cells.parameters()).dtype
    begun = tuple(one.to(exact) for one in state) if isinstance(state, tuple) else state
    with torch.autocast("cpu", enabled=False):  # oneDNN refuses an LSTM in bf16 there
        return cells(tokens.to(exact), begun)


def reverse(
    tokens: Float[Tensor, " batch time width"], mask: Bool[Tensor, " batch time"]
) -> Float[Tensor, " batch time width"]:
    """Turn the real steps of each row around; padding stays at the end."""
    lengths = mask.sum(1, keepdim=True)
    steps = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)
    order = torch.where(steps < lengths, lengths - 1 - steps, steps)
    return tokens.gather(1, order.unsqueeze(-1).expand_as(tokens))


class Recurrent(nn.Module):
    """A stack of layers, each half forward and half backward.

    Args:
        cell: ``"lstm"`` or ``"gru"``.
        width: features in and out.
        depth: how many layers.
        dropout: share of features dropped before each layer while training.
    """

    def __init__(self, cell: str, width: int, depth: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        make = CELLS[cell]
        half = width // 2
        self.forwards = nn.ModuleList(
            make(width, width - half, batch_first=True) for _ in range(depth)
        )
        self.backwards = nn.ModuleList(make(width, half, batch_first=True) for _ in range(depth))
        self.drop = nn.Dropout(dropout)

    def forward(
        self, tokens: Float[Tensor, " batch time width"], mask: Bool[Tensor, " batch time"]
    ) -> Float[Tensor, " batch time width"]:
        """Read both ways.

        Args:
            tokens: the sequence.
            mask: real steps, which must come first in each row.
        """
        for onward, back in zip(self.forwards, self.backwards, strict=True):
            tokens = self.drop(tokens)
            ahead, _ = run_cells(onward, tokens)
            behind, _ = run_cells(back, reverse(tokens, mask))
            tokens = torch.cat([ahead, reverse(behind, mask)], 2)
        return tokens
