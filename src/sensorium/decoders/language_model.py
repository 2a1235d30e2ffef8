"""A language model as decoder: what was seen stands before its text, as if it were words.

The way of Frozen (Tsimpoukelli et al. 2021), ClipCap (Mokady et al. 2021) and LLaVA (Liu et al.
2023): tokens are projected to the width of the model's own word vectors, and the model reads on.

Legend: as in ``decoder``; features = width of the language model's word vectors.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sensorium.core.batch import Layout
from sensorium.core.errors import PartError, all_at_once
from sensorium.core.schema import Field, Text
from sensorium.decoders.borrowed import (
    ended_once,
    paces_of,
    select_kept,
    tune,
    tuning_faults,
)
from sensorium.decoders.decoder import Decoder, State
from sensorium.decoders.language_source import open_language, read_language, remade_language
from sensorium.encoders.towers.source import folder_of, transformers
from sensorium.encoders.towers.text import demand_tokens

PROJECTORS = ("mlp", "linear", "none")


@dataclass
class Read(State):
    """Keys and values so far, which of their steps are real, and what waits to be read first."""

    cache: Any
    mask: Tensor
    ahead: Tensor | None
    steps: int = 0

    def select(self, rows: Int[Tensor, " some"]) -> "Read":
        """Take some rows."""
        ahead = None if self.ahead is None else self.ahead[rows]
        return Read(select_kept(self.cache, rows), self.mask[rows], ahead, self.steps)


class LanguageModel(Decoder):
    """Any causal language model of ``transformers``, which reads what was seen before its text.

    The model that is saved holds all its weights, so the source is not needed again. It needs no
    padding token: rows of a batch are laid to the right, and what stands left of them is masked.
    """

    def __init__(  # noqa: PLR0913, PLR0917  all are told apart by name
        self,
        source: str,
        projector: Literal["mlp", "linear", "none"] = "mlp",
        prompt: str = "",
        chat: bool = False,  # noqa: FBT001, FBT002  kept unchanged under its own name
        dropout: float = 0.0,
        unfreeze: Literal["none", "all"] = "none",
        lora: int = 0,
        pace: float | None = None,
        hub: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """Choose the model and what of it is trained.

        Args:
            source: a folder of ``transformers``, or a hub id.
            projector: what turns tokens into word vectors: a norm and ``"linear"``, or a norm and
                an ``"mlp"`` of two layers; ``"none"`` where they are of the model's width already,
                and then it reads the tokens alone, without the fused vector.
            prompt: words between what was seen and the text that it writes.
            chat: put both into the model's own chat template, as a user's words.
            dropout: share of the projected features dropped while training.
            unfreeze: ``"all"`` trains the model too; by ``"none"`` only the projection learns.
            lora: the rank of low-rank adapters beside its linear layers; 0 is none.
            pace: the rate of the model's weights beside the plan's; None takes 0.1 for adapters,
                which start at 0, and 0.01 for weights that were learned.
            hub: whether a hub id may be downloaded.

        Errors:
            PartError: options that cannot be.
        """
        super().__init__()
        self.source = str(source)
        self.projector = projector
        self.prompt = prompt
        self.chat = chat
        self.dropout = dropout
        self.unfreeze = unfreeze
        self.lora = lora
        self.pace = pace
        self.hub = hub
        self.reads = "tokens" if projector == "none" else "all"
        self._known: Mapping[str, Any] = {}  # what a saved model says
        self._said: Mapping[str, Any] = {}  # what it was set up by
        faults = list(tuning_faults(unfreeze, lora, pace))
        if projector not in PROJECTORS:
            faults.append(f"projector must be one of {', '.join(PROJECTORS)}, found {projector!r}")
        if not 0 <= dropout < 1:
            faults.append(f"dropout is a share below 1, found {dropout}")
        if faults:
            raise PartError(all_at_once(f"LanguageModel({self.source!r}) cannot be:", faults))

    def suited(self, field: Field) -> Field:
        """Take the model's own tokenizer."""
        if not isinstance(field, Text):
            return field
        folder = folder_of(self.source, hub=self.hub) if not self._known else Path()
        known = self._known or read_language(folder, self.prompt, chat=self.chat)
        most = min(field.max_tokens, known["max_tokens"])
        return replace(field, tokenizer=known["tokenizer"], max_tokens=most)

    def setup(self, width: int, layout: Layout) -> None:
        """Take the model's weights, and make those of the projection."""
        if known := self._known:
            network = remade_language(known["config"])
        else:
            folder = folder_of(self.source, hub=self.hub)
            known = read_language(folder, self.prompt, chat=self.chat)
            network = open_language(folder)
        self._said = known
        table = network.get_input_embeddings().weight
        demand_tokens(layout, known, len(table))
        self.begin, self.before = tuple(known["begin"]), tuple(known["before"])
        self.ends = tuple(known["ends"])
        self.end, self.never = self.ends[0], self.ends[1:]
        self.positions = int(known["max_tokens"])
        self.limit = min(layout.length + 1, self.positions)
        tune(network, self.unfreeze, self.lora)
        self.network: Any = network
        # Else it finds the places of its tokens by the mask.
        self.placed = "position_ids" in inspect.signature(network.forward).parameters
        self.project = _projection(self.projector, width, table)
        self.drop = nn.Dropout(self.dropout)

    @property
    def frozen(self) -> nn.Module | None:
        """The model, unless all of it is trained."""
        return None if self.unfreeze == "all" else getattr(self, "network", None)

    def train(self, mode: bool = True) -> "LanguageModel":  # noqa: FBT001, FBT002  torch's own form
        """Keep a frozen model as it is in use."""
        super().train(mode)
        if self.frozen is not None and not self.lora:
            self.network.eval()
        return self

    def forward(
        self,
        memory: Float[Tensor, " batch time width"],
        mask: Bool[Tensor, " batch time"],
        tokens: Int[Tensor, " batch steps"],
    ) -> Float[Tensor, " batch steps vocabulary"]:
        """Score what follows each token."""
        ahead, real = self._ahead(memory, mask)
        places = torch.arange(1, tokens.shape[1] + 1, device=tokens.device)
        lengths = (places * (tokens != self.end)).amax(1)  # ends behind a text take no places
        self._demand_room(real, lengths.clamp(min=len(self.begin)))
        return self._scores(tokens, Read(None, real, ahead))

    def start(
        self, memory: Float[Tensor, " batch time width"], mask: Bool[Tensor, " batch time"]
    ) -> Read:
        """Project what was seen; it is read with the first tokens."""
        ahead, real = self._ahead(memory, mask)
        self._demand_room(real, len(self.begin) + 1)
        cache = transformers().DynamicCache(config=self.network.config.get_text_config())
        return Read(cache, real, ahead)

    def step(
        self, tokens: Int[Tensor, " batch steps"], state: State
    ) -> Float[Tensor, " batch vocabulary"]:
        """Read further tokens and score what follows the last."""
        assert isinstance(state, Read)  # noqa: S101  what start gave
        if state.ahead is not None:
            self._demand_room(state.mask, tokens.shape[1] + 1)
        return self._scores(tokens, state)[:, -1]

    def room(self, state: State) -> Sequence[int] | None:
        """Give what the model's limit leaves behind what was seen."""
        assert isinstance(state, Read)  # noqa: S101  what start gave
        left: list[int] = (self.positions - state.mask.sum(1)).tolist()
        return left

    def _demand_room(self, real: Tensor, tokens: Tensor | int) -> None:
        """See that the model can read what was seen and so many tokens, row by row.

        Errors:
            PartError: it cannot.
        """
        seen = real.sum(1)
        if len(seen) and int((seen + tokens).max()) > self.positions:
            row = int((seen + tokens).argmax())
            said = int((seen + tokens)[row] - seen[row])
            msg = (
                f"{self.source} reads {self.positions} tokens, and there are {int(seen[row])} of "
                f"what is seen and {said} of text: pool the columns, let them give fewer tokens, "
                "or take shorter texts"
            )
            raise PartError(msg)

    def _ahead(self, memory: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Give what stands before the text, laid to the right, and which of it is real."""
        seen = self.drop(self.project(memory))
        first = torch.tensor(self.before, dtype=torch.int64, device=memory.device)
        marks = self.network.get_input_embeddings()(first).expand(len(memory), -1, -1)
        whole = torch.cat([marks.to(seen.dtype), seen], 1)
        real = torch.cat([mask.new_ones(marks.shape[:2]), mask], 1)
        longest = int(real.sum(1).max()) if real.numel() else 0
        order = real.long().argsort(dim=1, stable=True)[:, real.shape[1] - longest :]
        real = real.gather(1, order)
        whole = whole.gather(1, order[..., None].expand(-1, -1, whole.shape[2]))
        return whole.masked_fill(~real[..., None], 0.0), real

    def _scores(self, tokens: Tensor, state: Read) -> Tensor:
        """Read tokens that follow those of the state, which then holds them too."""
        words = self.network.get_input_embeddings()(tokens)
        given = words if state.ahead is None else torch.cat([state.ahead.to(words.dtype), words], 1)
        state.mask = torch.cat([state.mask, state.mask.new_ones(tokens.shape)], 1)
        places = (state.mask.cumsum(1) - 1).clamp(0, self.positions - 1)
        options = {"position_ids": places[:, -given.shape[1] :]} if self.placed else {}
        found = self.network(
            inputs_embeds=given, attention_mask=state.mask.long(), past_key_values=state.cache,
            use_cache=state.cache is not None, logits_to_keep=tokens.shape[1], **options,
        )  # fmt: skip
        state.ahead = None
        state.steps += tokens.shape[1]
        return ended_once(found.logits[:, -tokens.shape[1] :], self.ends)

    def paces(self) -> Mapping[str, float]:
        """Slow the model down."""
        paces = paces_of(self.network, self.lora, self.pace)
        return {f"network.{name}": pace for name, pace in paces.items()}

    def state(self) -> Mapping[str, Any]:
        """Give config and marks."""
        return self._said or self._known

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them back; the weights will follow."""
        self._known = state


def _projection(kind: str, width: int, table: Tensor) -> nn.Module:
    """Make what turns tokens into vectors that are as large as those of words.

    Errors:
        PartError: there shall be none, and the widths differ.
    """
    features = table.shape[1]
    if kind == "none":
        if width != features:
            msg = f"projector='none' needs tokens of {features} features, the width is {width}"
            raise PartError(msg)
        return nn.Identity()
    last = nn.Linear(features if kind == "mlp" else width, features)
    nn.init.normal_(last.weight, std=float(table.detach().std()) / last.in_features**0.5)
    nn.init.zeros_(last.bias)
    if kind == "linear":
        return nn.Sequential(nn.LayerNorm(width), last)
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, features), nn.GELU(), last)
