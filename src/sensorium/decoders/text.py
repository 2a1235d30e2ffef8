"""A Transformer decoder: masked attention to the text so far, cross-attention to all else.

Vaswani et al. 2017, with the norms before each layer (Xiong et al. 2020) and the table of token
vectors used once more for the scores (Press and Wolf 2017). Keys and values are kept, so that a
further token costs one step and not all of them.

Legend: as in ``decoder``.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sensorium.core.batch import Layout
from sensorium.decoders.decoder import Decoder, State, learned_marks
from sensorium.nn import MLP, Attention

Pair = tuple[Tensor, Tensor]


@dataclass
class Kept(State):
    """Keys and values: of the memory, and of the tokens so far, by layer."""

    memory: list[Pair]
    mask: Tensor
    own: list[Pair]
    steps: int = 0

    def select(self, rows: Int[Tensor, " some"]) -> "Kept":
        """Take some rows."""
        memory = [(key[rows], value[rows]) for key, value in self.memory]
        own = [(key[rows], value[rows]) for key, value in self.own]
        return Kept(memory, self.mask[rows], own, self.steps)


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm_own, self.norm_cross = nn.LayerNorm(width), nn.LayerNorm(width)
        self.norm_mlp = nn.LayerNorm(width)
        self.own, self.cross = Attention(width, heads, dropout), Attention(width, heads, dropout)
        self.mlp = MLP(width, dropout=dropout)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, own: Pair, seen: Tensor, memory: Pair, mask: Tensor) -> Tensor:
        """Read tokens; ``own`` holds their keys and values too, ``seen`` which each may look at."""
        x = x + self.drop(self.own.look(self.norm_own(x), *own, seen))
        x = x + self.drop(self.cross.look(self.norm_cross(x), *memory, mask))
        out: Tensor = x + self.drop(self.mlp(self.norm_mlp(x)))
        return out

    def keys(self, x: Tensor) -> Pair:
        return self.own.answering(self.norm_own(x))


class TextDecoder(Decoder):
    """The usual decoder: a few Transformer layers over tokens that the rows taught.

    Args:
        depth: how many layers.
        heads: attention heads; they must divide the width.
        dropout: share of features dropped while training.
    """

    def __init__(self, depth: int = 2, heads: int = 4, dropout: float = 0.1) -> None:
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
        self.places = nn.Parameter(torch.randn(self.limit + 1, width) * 0.02)
        nn.init.normal_(self.embed.weight, std=0.02)
        self.drop = nn.Dropout(self.dropout)
        self.look = nn.LayerNorm(width)
        self.layers = nn.ModuleList(
            _Layer(width, self.heads, self.dropout) for _ in range(self.depth)
        )
        self.norm = nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(layout.vocabulary + 1))

    def forward(
        self,
        memory: Float[Tensor, " batch time width"],
        mask: Bool[Tensor, " batch time"],
        tokens: Int[Tensor, " batch steps"],
    ) -> Float[Tensor, " batch steps vocabulary"]:
        """Score what follows each token."""
        return self._scores(self._read(tokens, self.start(memory, mask)))

    def start(
        self, memory: Float[Tensor, " batch time width"], mask: Bool[Tensor, " batch time"]
    ) -> Kept:
        """Make the keys and values of what it looks at."""
        memory = self.look(memory)
        none = memory.new_zeros(len(memory), self.heads, 0, memory.shape[2] // self.heads)
        cross = [layer.cross.answering(memory) for layer in self._each()]
        return Kept(cross, mask, [(none, none)] * self.depth)

    def step(
        self, tokens: Int[Tensor, " batch steps"], state: State
    ) -> Float[Tensor, " batch vocabulary"]:
        """Read further tokens and score what follows the last."""
        assert isinstance(state, Kept)  # noqa: S101  what start gave
        return self._scores(self._read(tokens, state)[:, -1])

    def attention(
        self,
        memory: Float[Tensor, " batch time width"],
        mask: Bool[Tensor, " batch time"],
        tokens: Int[Tensor, " batch steps"],
    ) -> Float[Tensor, " batch steps time"]:
        """Give where the last layer looks, averaged over its heads."""
        state = self.start(memory, mask)
        x = self._read(tokens, state, self.depth - 1)
        last = self._each()[-1]
        own = last.keys(x)
        x = x + last.own.look(last.norm_own(x), *own, _causal(x.shape[1], x.shape[1], x.device))
        looks: Tensor = last.cross.weights(last.norm_cross(x), state.memory[-1][0], mask)
        return looks

    def _each(self) -> list[_Layer]:
        return [layer for layer in self.layers if isinstance(layer, _Layer)]

    def _read(self, tokens: Tensor, state: Kept, depth: int | None = None) -> Tensor:
        """Run the layers over tokens that follow those of the state, which then holds them too."""
        steps = torch.arange(state.steps, state.steps + tokens.shape[1], device=tokens.device)
        x = self.drop(self.embed(tokens) + self.places[steps.clamp(max=len(self.places) - 1)])
        seen = _causal(tokens.shape[1], state.steps + tokens.shape[1], tokens.device)
        for number, layer in enumerate(self._each()[:depth]):
            key, value = layer.keys(x)
            before = state.own[number]
            own = (torch.cat([before[0], key], 2), torch.cat([before[1], value], 2))
            state.own[number] = own
            x = layer(x, own, seen, state.memory[number], state.mask)
        state.steps += tokens.shape[1]
        read: Tensor = x
        return read

    def _scores(self, x: Tensor) -> Tensor:
        scores: Tensor = self.norm(x) @ self.embed.weight.T + self.bias
        return scores


def _causal(steps: int, seen: int, device: torch.device) -> Bool[Tensor, " 1 steps seen"]:
    """Let each of the last ``steps`` tokens look at itself and at all before it."""
    return torch.ones(steps, seen, dtype=torch.bool, device=device).tril(seen - steps)[None]
