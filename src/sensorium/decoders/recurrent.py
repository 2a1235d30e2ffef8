"""A recurrent decoder: an LSTM over the text so far that looks at all else (Luong et al. 2015).

Small and classic: its cost does not grow with the text. Legend: as in ``decoder``.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sensorium.core.batch import Layout
from sensorium.decoders.decoder import Decoder, State, learned_marks
from sensorium.nn import Attention, masked_mean
from sensorium.nn.recurrent import run_cells


@dataclass
class Remembered(State):
    """The cells of the LSTM, [layers batch width], and keys and values of the memory."""

    hidden: Tensor
    cell: Tensor
    key: Tensor
    value: Tensor
    mask: Tensor
    steps: int = 0

    def select(self, rows: Int[Tensor, " some"]) -> "Remembered":
        """Take some rows."""
        return Remembered(
            self.hidden[:, rows], self.cell[:, rows], self.key[rows], self.value[rows],
            self.mask[rows], self.steps,
        )  # fmt: skip


class LSTMDecoder(Decoder):
    """An LSTM that begins with the average of what it looks at, and attends to it at every step.

    Args:
        depth: how many layers.
        heads: attention heads; they must divide the width.
        dropout: share of features dropped while training.
    """

    def __init__(self, depth: int = 1, heads: int = 4, dropout: float = 0.1) -> None:
        super().__init__()
        self.depth = depth
        self.heads = heads
        self.dropout = dropout

    def setup(self, width: int, layout: Layout) -> None:
        """Make the weights."""
        self.end, self.never = learned_marks(layout)
        self.begin = (self.end,)
        self.limit = layout.length + 1
        self.embed = nn.Embedding(layout.vocabulary + 1, width)
        nn.init.normal_(self.embed.weight, std=0.1)
        self.look = nn.LayerNorm(width)
        self.first = nn.Linear(width, 2 * self.depth * width)
        self.cells = nn.LSTM(width, width, self.depth, batch_first=True)
        self.cross = Attention(width, self.heads)
        self.mix = nn.Linear(2 * width, width)
        self.even = nn.LayerNorm(width)  # Luong's tanh is full at once where most ids are rare
        self.drop = nn.Dropout(self.dropout)
        self.out = nn.Linear(width, layout.vocabulary + 1)

    def forward(
        self,
        memory: Float[Tensor, " batch time width"],
        mask: Bool[Tensor, " batch time"],
        tokens: Int[Tensor, " batch steps"],
    ) -> Float[Tensor, " batch steps vocabulary"]:
        """Score what follows each token."""
        scores: Tensor = self.out(self.drop(self._read(tokens, self.start(memory, mask))))
        return scores

    def start(
        self, memory: Float[Tensor, " batch time width"], mask: Bool[Tensor, " batch time"]
    ) -> Remembered:
        """Begin with the average of what it looks at."""
        memory = self.look(memory)
        first = self.first(masked_mean(memory, mask)).tanh()
        hidden, cell = first.view(len(memory), 2 * self.depth, -1).transpose(0, 1).chunk(2)
        return Remembered(
            hidden.contiguous(), cell.contiguous(), *self.cross.answering(memory), mask
        )

    def step(
        self, tokens: Int[Tensor, " batch steps"], state: State
    ) -> Float[Tensor, " batch vocabulary"]:
        """Read further tokens and score what follows the last."""
        assert isinstance(state, Remembered)  # noqa: S101  what start gave
        scores: Tensor = self.out(self._read(tokens, state)[:, -1])
        return scores

    def attention(
        self,
        memory: Float[Tensor, " batch time width"],
        mask: Bool[Tensor, " batch time"],
        tokens: Int[Tensor, " batch steps"],
    ) -> Float[Tensor, " batch steps time"]:
        """Give where it looks, averaged over the heads."""
        state = self.start(memory, mask)
        read, _ = run_cells(self.cells, self.embed(tokens), (state.hidden, state.cell))
        return self.cross.weights(read, state.key, mask)

    def _read(self, tokens: Tensor, state: Remembered) -> Tensor:
        read, (state.hidden, state.cell) = run_cells(
            self.cells, self.drop(self.embed(tokens)), (state.hidden, state.cell)
        )
        state.steps += tokens.shape[1]
        found = self.cross.look(read, state.key, state.value, state.mask)
        mixed: Tensor = self.even(self.mix(torch.cat([read, found], 2)))
        return mixed
