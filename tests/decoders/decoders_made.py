"""Decoders for tests: real ones, small, and a Markov chain whose every number is known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sensorium.core.batch import Layout
from sensorium.decoders import Decoder, LSTMDecoder, State, TextDecoder

WIDTH = 8
LAYOUT = Layout("text", vocabulary=11, length=6)
MAKERS: dict[str, Callable[[], Decoder]] = {
    "text": lambda: TextDecoder(depth=2, heads=2, dropout=0.3),
    "text of one layer": lambda: TextDecoder(depth=1, heads=4, dropout=0.0),
    "lstm": lambda: LSTMDecoder(depth=1, heads=2, dropout=0.3),
    "lstm of two layers": lambda: LSTMDecoder(depth=2, heads=1, dropout=0.0),
}


def ready(name: str, seed: int = 0) -> Decoder:
    """Set a decoder up, in float64, with weights large enough that its choices differ."""
    torch.manual_seed(seed)
    decoder = MAKERS[name]()
    decoder.setup(WIDTH, LAYOUT)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for weight in decoder.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator), alpha=0.4)
    return decoder.double().eval()


def seen(rows: int = 4, time: int = 5, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Make a memory and its mask; each row is as long as its number says, one at least."""
    generator = torch.Generator().manual_seed(seed)
    memory = torch.randn(rows, time, WIDTH, generator=generator, dtype=torch.float64)
    lengths = torch.tensor([time - row % time for row in range(rows)])
    return memory, torch.arange(time)[None] < lengths[:, None]


def said(rows: int = 4, steps: int = 6, seed: int = 0) -> Tensor:
    """Make texts of ids, with the mark of the beginning first."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(2, LAYOUT.vocabulary, (rows, steps), generator=generator)
    ids[:, 0] = LAYOUT.vocabulary
    return ids


@dataclass
class Link(State):
    """Which table each row goes by."""

    tables: Tensor
    steps: int = 0

    def select(self, rows: Tensor) -> "Link":
        return Link(self.tables[rows], self.steps)


class Chain(Decoder):
    """What follows a token depends on that token alone; a row's memory names its table.

    The last id both begins and ends a text.
    """

    def __init__(self, *tables: Sequence[Sequence[float]], limit: int = 4) -> None:
        super().__init__()
        chances = torch.tensor(tables, dtype=torch.float64)
        self.logits = torch.log(chances)
        self.end = chances.shape[1] - 1
        self.begin = (self.end,)
        self.never = ()
        self.limit = limit
        self.widest = 0

    def setup(self, width: int, layout: Layout) -> None:
        """It has no weights."""

    def forward(self, memory: Tensor, mask: Tensor, tokens: Tensor) -> Tensor:
        return self.logits[memory[:, 0, 0].long()[:, None], tokens]

    def start(self, memory: Tensor, mask: Tensor) -> Link:
        return Link(self.logits[memory[:, 0, 0].long()])

    def step(self, tokens: Tensor, state: State) -> Tensor:
        assert isinstance(state, Link)
        state.steps += tokens.shape[1]
        self.widest = max(self.widest, state.steps)
        return state.tables[torch.arange(len(tokens)), tokens[:, -1]]


def asked(*tables: int) -> tuple[Tensor, Tensor]:
    """Make the memory of rows that go by these tables."""
    memory = torch.tensor(tables, dtype=torch.float32).reshape(-1, 1, 1)
    return memory, torch.ones(len(tables), 1, dtype=torch.bool)
