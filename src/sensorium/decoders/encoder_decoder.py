"""The decoder of a pretrained model of two halves, behind the matching encoder.

Whisper's, that of TrOCR and Donut, BLIP's, and those of T5, BART and their kin. They look at the
tokens of their own encoder: ``encoders.Pretrained(source, width, pool="full", project=False)``.

Legend: as in ``decoder``.
"""

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
from sensorium.decoders.borrowed import ended_once, paces_of, select_kept, tune, tuning_faults
from sensorium.decoders.decoder import Decoder, State
from sensorium.decoders.families import family_of
from sensorium.decoders.marks import marks_for
from sensorium.decoders.prompt import columns_of
from sensorium.encoders.towers.source import (
    config_of,
    folder_of,
    fresh,
    loaded,
    made_config,
    transformers,
)
from sensorium.encoders.towers.text import demand_tokens
from sensorium.preprocess.tokens import Pretrained

LONGEST = 512
"""Tokens, where no file of the model names a limit."""
PLACES = ("max_target_positions", "max_position_embeddings", "n_positions")


@dataclass
class Looked(State):
    """Keys and values of the text so far and of the memory, and the memory itself."""

    cache: Any
    memory: Tensor
    mask: Tensor
    steps: int = 0

    def select(self, rows: Int[Tensor, " some"]) -> "Looked":
        """Take some rows."""
        cache = select_kept(self.cache, rows)
        return Looked(cache, self.memory[rows], self.mask[rows], self.steps)


class EncoderDecoder(Decoder):
    """The text decoder of Whisper, TrOCR, Donut, BLIP, T5, BART and their kin.

    The model that is saved holds all its weights, so the source is not needed again.
    """

    reads: Literal["all", "tokens"] = "tokens"

    def __init__(
        self,
        source: str,
        prompt: str = "",
        language: str = "",
        speech_task: Literal["transcribe", "translate"] = "transcribe",
        unfreeze: Literal["none", "all"] = "none",
        lora: int = 0,
        pace: float | None = None,
        hub: bool = False,  # noqa: FBT001, FBT002  kept unchanged under its own name
    ) -> None:
        """Choose the model and what of it is trained.

        Args:
            source: a folder of ``transformers``, or a hub id.
            prompt: words with which every text begins, and which are no part of it; Donut's tasks
                are named so, ``"<s_cord-v2>"``. A column's name in braces stands for the words
                of the row: ``"<s_question>{question}</s_question>"``; that column is not looked at.
            language: of Whisper, what is spoken: ``"en"``, ``"zh"``; "" lets it tell, row by row.
            speech_task: of Whisper, whether it is written down or put into English.
            unfreeze: ``"all"`` trains the decoder; ``"none"`` leaves it as it is.
            lora: the rank of low-rank adapters beside its linear layers; 0 is none.
            pace: the rate of its weights beside the plan's; None takes 0.1 for adapters, which
                start at 0, and 0.01 for weights that were learned.
            hub: whether a hub id may be downloaded.

        Errors:
            PartError: options that cannot be.
        """
        super().__init__()
        self.source = str(source)
        self.prompt = prompt
        self.asks = prompt if columns_of(prompt) else ""
        self.language = language
        self.speech_task = speech_task
        self.unfreeze = unfreeze
        self.lora = lora
        self.pace = pace
        self.hub = hub
        self._known: Mapping[str, Any] = {}  # what a saved model says
        self._said: Mapping[str, Any] = {}  # what it was set up by
        if faults := list(tuning_faults(unfreeze, lora, pace)):
            raise PartError(all_at_once(f"EncoderDecoder({self.source!r}) cannot be:", faults))

    def suited(self, field: Field) -> Field:
        """Take the model's own tokenizer."""
        if not isinstance(field, Text):
            return field
        known = self._known or self._read(folder_of(self.source, hub=self.hub))
        most = min(field.max_tokens, known["max_tokens"])
        return replace(field, tokenizer=known["tokenizer"], max_tokens=most)

    def setup(self, width: int, layout: Layout) -> None:
        """Take the decoder's weights.

        Errors:
            PartError: it looks at tokens of another width.
        """
        folder = Path() if self._known else folder_of(self.source, hub=self.hub)
        known = self._said = self._known or self._read(folder)
        family = family_of(known["config"], self.source)
        part = getattr(transformers(), family.part(known["config"]))
        whole = fresh(part, known["config"]) if folder == Path() else loaded(part, folder)
        network = family.cut(whole)
        table = getattr(network, "decoder", network).get_input_embeddings().weight
        demand_tokens(layout, known, len(table))
        if width != known["width"]:
            msg = (
                f"the decoder of {self.source} looks at tokens of {known['width']} features, the "
                f"width is {width}: take encoders.Pretrained({self.source!r}, "
                f"width={known['width']}, pool='full', project=False)"
            )
            raise PartError(msg)
        self.begin, self.ends = tuple(known["begin"]), tuple(known["ends"])
        self.languages = tuple(known.get("languages", ()))
        self.end, self.never = self.ends[0], (*known["never"], *self.ends[1:])
        self.first_never = tuple(known["first_never"])
        self.limit = min(layout.length + 1, known["max_tokens"])
        self.positions = int(known["positions"])
        tune(network, self.unfreeze, self.lora)
        self.network: Any = network
        self.ask, self.look = family.ask, family.look

    def _read(self, folder: Path) -> dict[str, Any]:
        """Read what a folder says, all but its weights."""
        config = config_of(folder)
        family_of(config, folder)
        made = made_config(config)
        half = getattr(made, "decoder", None) or made.get_text_config(decoder=True)
        whole = getattr(made, "encoder", None) or getattr(made, "vision_config", None) or made
        named = [getattr(half, name, None) for name in PLACES]
        positions = next((int(found) for found in named if found), LONGEST)
        marks = marks_for(folder, config, self.prompt, self.language, self.speech_task)
        return {
            "config": config,
            "tokenizer": str(folder),
            "digest": Pretrained(str(folder)).digest,
            "width": int(whole.hidden_size),
            "positions": positions,
            "max_tokens": max(1, positions - len(marks["begin"])),
            **marks,
        }

    @property
    def frozen(self) -> nn.Module | None:
        """The decoder, unless all of it is trained."""
        return None if self.unfreeze == "all" else getattr(self, "network", None)

    def train(self, mode: bool = True) -> "EncoderDecoder":  # noqa: FBT001, FBT002  torch's own
        """Keep a frozen decoder as it is in use."""
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
        """Score what follows each token; of no named language, behind the likeliest one's mark."""
        if self.look is not None:
            memory, mask = self.look(self.network, memory, mask)
        self._demand_room(tokens.shape[1])
        if not self.languages:
            return ended_once(self.ask(self.network, tokens, memory, mask, None), self.ends)
        # The first token alone tells the language; what is kept of its pass serves the others.
        kept = _kept_nothing()
        first = self.ask(self.network, tokens[:, :1], memory, mask, kept)
        told = self._told(tokens, first[:, 0])
        later = self.ask(self.network, told[:, 1:], memory, mask, kept)
        return ended_once(torch.cat([first, later], 1), self.ends)

    def begins(
        self, memory: Float[Tensor, " batch time width"], mask: Bool[Tensor, " batch time"]
    ) -> Int[Tensor, " batch marks"]:
        """Give the marks; where no language was named, each row has the likeliest one's."""
        marks = super().begins(memory, mask)
        if not self.languages:
            return marks
        with torch.no_grad():
            scores = self.ask(self.network, marks[:, :1], memory, mask, None)[:, 0]
        return self._told(marks, scores)

    def _told(
        self, tokens: Int[Tensor, " batch steps"], scores: Float[Tensor, " batch vocabulary"]
    ) -> Int[Tensor, " batch steps"]:
        """Put each row's likeliest language behind its first mark."""
        known = torch.tensor(self.languages, device=tokens.device)
        spoken = known[scores[:, known].argmax(1)]
        return torch.cat([tokens[:, :1], spoken[:, None], tokens[:, 2:]], 1)

    def start(
        self, memory: Float[Tensor, " batch time width"], mask: Bool[Tensor, " batch time"]
    ) -> Looked:
        """Keep the memory; its keys are made with the first tokens."""
        if self.look is not None:
            memory, mask = self.look(self.network, memory, mask)
        return Looked(_kept_nothing(), memory, mask)

    def room(self, state: State) -> Sequence[int]:
        """Give its limit and one more, for what is written last is not read."""
        assert isinstance(state, Looked)  # noqa: S101  what start gave
        return [self.positions + 1] * len(state.memory)

    def step(
        self, tokens: Int[Tensor, " batch steps"], state: State
    ) -> Float[Tensor, " batch vocabulary"]:
        """Read further tokens and score what follows the last."""
        assert isinstance(state, Looked)  # noqa: S101  what start gave
        state.steps += tokens.shape[1]
        self._demand_room(state.steps)
        scores = self.ask(self.network, tokens, state.memory, state.mask, state.cache)
        return ended_once(scores[:, -1], self.ends)

    def _demand_room(self, tokens: int) -> None:
        """See that the model can read so many tokens.

        Errors:
            PartError: it cannot.
        """
        if tokens > self.positions:
            msg = (
                f"{self.source} reads {self.positions} tokens, and there are {tokens} of its own "
                "marks, prompt, prefix and text: shorten these, or what the prompt takes from rows"
            )
            raise PartError(msg)

    def paces(self) -> Mapping[str, float]:
        """Slow the decoder down."""
        paces = paces_of(self.network, self.lora, self.pace)
        return {f"network.{name}": pace for name, pace in paces.items()}

    def state(self) -> Mapping[str, Any]:
        """Give config and marks."""
        return self._said or self._known

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them back; the weights will follow."""
        self._known = state


def _kept_nothing() -> Any:
    """Make room for keys and values of the text and of the memory."""
    package = transformers()
    return package.EncoderDecoderCache(package.DynamicCache(), package.DynamicCache())
