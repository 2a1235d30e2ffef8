"""The two sides of LLaVA that stand before its language model: what sees, and the table of words.

Both give tokens of the language model's width, so that they stand in one sequence.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.schema import Field, Text
from sensorium.encoders.encoder import as_encoded
from sensorium.encoders.towers.framing import Framing, places
from sensorium.encoders.towers.image import seen_by
from sensorium.encoders.towers.source import (
    config_of,
    fresh,
    loaded,
    made_config,
    transformers,
)
from sensorium.encoders.towers.text import demand_tokens, digest_of
from sensorium.encoders.towers.tower import Tower
from sensorium.encoders.towers.turn import turn_of
from sensorium.nn.layers import layers_of
from sensorium.nn.masks import masked_mean

FAMILY = "llava"


_HELD: ContextVar[dict[Path, Any] | None] = ContextVar("held", default=None)


@contextmanager
def loaded_once() -> Iterator[None]:
    """Load each model but once, for all its parts that are opened meanwhile; none is a copy."""
    token = _HELD.set({})
    try:
        yield
    finally:
        _HELD.reset(token)


def whole_of(folder: Path) -> Any:
    """Load all of a model."""
    held = _HELD.get()
    if held is not None and folder in held:
        return held[folder]
    whole = loaded(transformers().LlavaForConditionalGeneration, folder)
    if held is not None:
        held[folder] = whole
    return whole


class LlavaSight(Tower):
    """What sees, and the projection that was learned with it."""

    kind: ClassVar[str] = "image"

    def __init__(self, sight: Any, projector: Any, known: Mapping[str, Any]) -> None:
        super().__init__()
        self.known = dict(known)
        self.model: Any = sight
        self.projector: Any = projector
        self.features = self.summed = int(projector.linear_2.out_features)
        self.framing = Framing(known)

    @classmethod
    def open(cls, folder: Path) -> "LlavaSight":
        """Read a model folder, weights and all."""
        whole = whole_of(folder)
        known = {"config": config_of(folder), **seen_by(folder, whole.config.vision_config)}
        return cls(whole.model.vision_tower, whole.model.multi_modal_projector, known)

    @classmethod
    def remade(cls, known: Mapping[str, Any]) -> "LlavaSight":
        """Make it again from its state, without weights."""
        config = made_config(known["config"])
        small = {**known["config"], "text_config": _least(config.text_config.hidden_size)}
        whole = fresh(transformers().LlavaForConditionalGeneration, small)
        return cls(whole.model.vision_tower, whole.model.multi_modal_projector, known)

    def state(self) -> Mapping[str, Any]:
        """Give config, sides and colours."""
        return self.known

    def tokens(self, column: Column) -> Encoded:
        """Give the picture's places as the language model reads them."""
        config = made_config(self.known["config"])
        found = self.model(self.framing(column.values), output_hidden_states=True).hidden_states
        chosen = config.vision_feature_layer
        depths = [chosen] if isinstance(chosen, int) else chosen
        first = 1 if config.vision_feature_select_strategy == "default" else 0
        seen = torch.cat([found[depth][:, first:] for depth in depths], -1)
        return places(self.projector(seen), column)

    def summary(self, column: Column) -> Float[Tensor, " batch summed"]:
        """Average the places."""
        return self.tokens(column).tokens.mean(1)

    def blocks(self) -> Sequence[nn.Module]:
        """List the layers of what sees."""
        return layers_of(self.model)

    def suited(self, field: Field) -> Field:
        """Take the side that the model was trained on, px."""
        return self.framing.suited(field)

    def check(self, layout: Layout) -> None:
        """Accept any picture: one of another side is scaled."""


class LlavaWords(Tower):
    """The language model's own table of words, for a column that asks."""

    kind: ClassVar[str] = "text"

    def __init__(self, table: nn.Embedding, known: Mapping[str, Any]) -> None:
        super().__init__()
        self.known = dict(known)
        self.model = table
        self.features = self.summed = table.embedding_dim

    @classmethod
    def open(cls, folder: Path) -> "LlavaWords":
        """Read the table of a model folder."""
        config = config_of(folder)
        table = whole_of(folder).get_input_embeddings()
        turn = turn_of(folder, config)
        known = {
            "shape": list(table.weight.shape),
            "prefix": turn.prefix,
            "skip": turn.skip,
            "tokenizer": str(folder),
            "digest": digest_of(folder),
            "max_tokens": int(made_config(config).text_config.max_position_embeddings),
        }
        own = nn.Embedding(*table.weight.shape)
        own.load_state_dict(table.state_dict())
        return cls(own, known)

    @classmethod
    def remade(cls, known: Mapping[str, Any]) -> "LlavaWords":
        """Make it again from its state, without weights."""
        return cls(nn.Embedding(*known["shape"]), known)

    def state(self) -> Mapping[str, Any]:
        """Give sizes and marks."""
        return self.known

    def tokens(self, column: Column) -> Encoded:
        """Look each token up, less those that stand for the picture."""
        skip = min(int(self.known["skip"]), column.mask.shape[1] - 1)
        return as_encoded(self.model(column.values[:, skip:]), column.mask[:, skip:], column)

    def summary(self, column: Column) -> Float[Tensor, " batch summed"]:
        """Average the words."""
        found = self.tokens(column)
        return masked_mean(found.tokens, found.mask)

    def blocks(self) -> Sequence[nn.Module]:
        """List nothing: a table has no layers."""
        return ()

    def suited(self, field: Field) -> Field:
        """Take the model's tokenizer, and the words that stand before a question."""
        if not isinstance(field, Text):
            return field
        known = self.known
        return replace(
            field,
            tokenizer=known["tokenizer"],
            max_tokens=min(field.max_tokens, known["max_tokens"]),
            prefix=field.prefix or known["prefix"],
        )

    def check(self, layout: Layout) -> None:
        """Compare the tokenizers."""
        demand_tokens(layout, self.known, self.known["shape"][0])


def _least(width: int) -> dict[str, Any]:
    """Give the config of a language model that is only there to tell its width."""
    return {
        "model_type": "llama", "hidden_size": width, "num_hidden_layers": 1, "vocab_size": 8,
        "num_attention_heads": 1, "num_key_value_heads": 1, "intermediate_size": 8,
    }  # fmt: skip
