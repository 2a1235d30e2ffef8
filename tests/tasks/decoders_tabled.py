"""A decoder that is one table, the same for every token and row; it notes what it read."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sensorium.core.batch import Layout
from sensorium.decoders import Decoder, State
from sensorium.decoders.decoder import learned_marks


@dataclass
class Place(State):
    """How far it is."""

    steps: int = 0

    def select(self, rows: Tensor) -> "Place":
        return Place(self.steps)


class Tabled(Decoder):
    """Scores by how many tokens were read, whatever they were."""

    def setup(self, width: int, layout: Layout) -> None:
        self.end, self.never = learned_marks(layout)
        self.begin = (self.end,)
        self.limit = layout.length + 1
        self.table = nn.Parameter(torch.zeros(self.limit + 1, layout.vocabulary + 1))
        self.reads_seen: list[Tensor] = []

    def forward(self, memory: Tensor, mask: Tensor, tokens: Tensor) -> Tensor:
        self.reads_seen.append(tokens)
        places = torch.arange(tokens.shape[1]).clamp(max=self.limit)
        return self.table[places].expand(len(tokens), -1, -1)

    def start(self, memory: Tensor, mask: Tensor) -> Place:
        return Place()

    def step(self, tokens: Tensor, state: State) -> Tensor:
        state.steps += tokens.shape[1]
        return self.table[min(state.steps - 1, self.limit)].expand(len(tokens), -1)
