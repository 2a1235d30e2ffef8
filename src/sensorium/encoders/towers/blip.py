"""The words of a question as BLIP's reader of questions takes them, before it looks at a picture.

That reader lies with the decoder: it sees the tokens of both columns, this one's laid out to one
length, so that it can tell them from the picture's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.errors import PartError
from sensorium.core.schema import Field, Text
from sensorium.encoders.encoder import as_encoded
from sensorium.encoders.towers.source import (
    config_of,
    fresh,
    loaded,
    made_config,
    transformers,
)
from sensorium.encoders.towers.text import demand_tokens, digest_of
from sensorium.encoders.towers.tower import Tower
from sensorium.nn.masks import masked_mean

FAMILY = "blip"
ANSWERS = "BlipForQuestionAnswering"
ASKED = 64
"""Tokens of a question at most."""


def answers(config: Mapping[str, Any]) -> bool:
    """Tell whether a BLIP answers questions, and does not caption."""
    return config["model_type"] == FAMILY and ANSWERS in (config.get("architectures") or ())


def lengths_of(config: Any) -> tuple[int, int]:
    """Give how many tokens a picture has, and how many a question is laid out to."""
    seen = (config.vision_config.image_size // config.vision_config.patch_size) ** 2 + 1
    asked = min(ASKED, int(config.text_config.max_position_embeddings))
    return seen, asked - 1 if asked == seen else asked


class BlipWords(Tower):
    """The vectors of words and places with which a question begins."""

    kind: ClassVar[str] = "text"

    def __init__(self, model: Any, known: Mapping[str, Any]) -> None:
        super().__init__()
        self.known = dict(known)
        self.model: Any = model
        self.features = self.summed = int(model.word_embeddings.embedding_dim)

    @classmethod
    def open(cls, folder: Path) -> "BlipWords":
        """Read a model folder.

        Errors:
            PartError: it does not answer questions.
        """
        config = config_of(folder)
        if not answers(config):
            msg = f"{folder} (blip) reads image, the column is text; one that answers is {ANSWERS}"
            raise PartError(msg)
        whole = loaded(getattr(transformers(), ANSWERS), folder)
        known = {
            "config": config,
            "tokenizer": str(folder),
            "digest": digest_of(folder),
            "max_tokens": lengths_of(made_config(config))[1],
        }
        return cls(whole.text_encoder.embeddings, known)

    @classmethod
    def remade(cls, known: Mapping[str, Any]) -> "BlipWords":
        """Make it again from its state, without weights."""
        part = transformers().BlipTextModel
        return cls(fresh(part, known["config"]).embeddings, known)

    def state(self) -> Mapping[str, Any]:
        """Give config and limit."""
        return self.known

    def tokens(self, column: Column) -> Encoded:
        """Look words and places up, laid out to one length."""
        wide = (0, self.known["max_tokens"] - column.mask.shape[1])
        ids, mask = F.pad(column.values, wide), F.pad(column.mask, wide)
        return as_encoded(self.model(input_ids=ids), mask, column)

    def summary(self, column: Column) -> Float[Tensor, " batch summed"]:
        """Average the words."""
        found = self.tokens(column)
        return masked_mean(found.tokens, found.mask)

    def blocks(self) -> Sequence[nn.Module]:
        """List nothing: vectors are looked up."""
        return ()

    def suited(self, field: Field) -> Field:
        """Take the model's tokenizer, and its limit."""
        if not isinstance(field, Text):
            return field
        most = min(field.max_tokens, self.known["max_tokens"])
        return replace(field, tokenizer=self.known["tokenizer"], max_tokens=most)

    def check(self, layout: Layout) -> None:
        """Compare the tokenizers, and the lengths."""
        demand_tokens(layout, self.known, self.model.word_embeddings.num_embeddings)
