"""What finds labelled spans in a text: a tag for each of its tokens, from all columns.

Each token of the text, as its encoder and the fusion left it, hears of the whole row through the
fused vector. It knows nothing of commands.

Legend: batch = rows, time = tokens of the text, width = of the fused vectors.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor, nn

from sensorium.core.batch import Batch, Column, Features, Fused
from sensorium.core.errors import PartError
from sensorium.preprocess.spans import SpansStep
from sensorium.preprocess.step import Step
from sensorium.preprocess.text import TextStep
from sensorium.preprocess.tokens import Place
from sensorium.tasks.head import Array, as_rows
from sensorium.tasks.reading import text_of, words_of
from sensorium.tasks.span_head import (
    SpanHead,
    best_tags,
    slots_of_tags,
    tags_of_spans,
)

REMEMBERED = 50_000
"""The places of the tokens of so many texts are kept."""


class SpanTagger(nn.Module):
    """A tag for each token of a text.

    Args:
        target: the column of spans.
        text: the input column in which they lie; None takes what the target's field says.
        width: of the fused vectors.
        names: the input columns.
        steps: the fitted steps by column.

    Errors:
        PartError: the target has no spans, or the text is no input.
    """

    def __init__(
        self,
        target: str,
        text: str | None,
        width: int,
        names: Sequence[str],
        steps: Mapping[str, Step],
    ) -> None:
        super().__init__()
        step = steps[target]
        if not isinstance(step, SpansStep):
            msg = (
                f"target {target!r} is of kind {step.kind!r} and holds no spans; declare it as "
                f"Spans(text=...), kinds={{{target!r}: Spans()}} (--kind {target}=spans)"
            )
            raise PartError(msg)
        if not step.labels:
            msg = f"target {target!r} has no span in any training row; there is nothing to find"
            raise PartError(msg)
        if text and step.field.text not in ("", text):
            msg = f"target {target!r} lies in {step.field.text!r}, the task reads {text!r}"
            raise PartError(f"{msg}: name one column")
        self.target = target
        self.text = text_of(f"target {target!r}", text or step.field.text or None, names, steps)
        self._step = steps[self.text]
        self._known: dict[str, list[Place]] = {}
        self.head = SpanHead(step.labels)
        self.heads = {target: self.head}
        self.norm = nn.LayerNorm(width)
        self.row = nn.Linear(width, width)
        self.tags = nn.Linear(width, 1 + 2 * len(step.labels))

    def forward(self, fused: Fused, batch: Batch) -> Features:
        """Compute logits of each token's tag, [batch time tags]."""
        words = words_of(self.text, batch, fused)
        own = fused.own(self.text)
        places = self._places(words, own.tokens.shape[1]).to(own.tokens.device)
        logits = self.tags(self.norm(own.tokens + self.row(fused.pooled).unsqueeze(1)))
        mask = own.mask & own.present[:, None]
        outputs = {self.target: logits, self._at: places, self._real: mask}
        return Features(fused, outputs, texts={self.text: words})

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Give the cross entropy of the tags."""
        column, logits = batch.columns[self.target], features.outputs[self.target]
        real = column.mask & column.present[:, None]
        spans = torch.where(real[..., None], column.values, 0)
        places = features.outputs[self._at]
        tags = tags_of_spans(spans, real, places, len(self.head.labels))
        truth = Column(tags, features.outputs[self._real], column.present)
        return {self.target: self.head.loss(logits, truth)}

    def decided(self, features: Features) -> dict[str, Array]:
        """Find the spans of each row."""
        logits, mask = features.outputs[self.target], features.outputs[self._real]
        tags = best_tags(logits.detach().float(), mask).tolist()
        texts = [words[0] if words else "" for words in features.texts[self.text]]
        rows = zip(tags, features.outputs[self._at].tolist(), texts, strict=True)
        labels = self.head.labels
        found = as_rows(slots_of_tags(its, places, labels, text) for its, places, text in rows)
        return {self.target: found}

    def predict(self, features: Features) -> list[Any]:
        """Give each row's spans, in the order of the text."""
        return self.head.answers(self.decided(features)[self.target])

    def study(self, texts: Mapping[str, Sequence[tuple[str, ...]]]) -> None:
        """Learn nothing beforehand."""

    @property
    def _at(self) -> str:
        return f"{self.target}/places"

    @property
    def _real(self) -> str:
        return f"{self.target}/mask"

    def _places(
        self, words: Sequence[tuple[str, ...]], time: int
    ) -> Int64[Tensor, " batch time 2"]:
        """Tell which characters each token stands for; padded with (0, 0)."""
        rows = [self._of(row[0]) if row else [] for row in words]
        longest = max(map(len, rows), default=0)
        if longest > time:
            msg = (
                f"spans are told token by token, but the encoder of {self.text!r} gives {time} "
                f"for {longest} tokens of a text; take one that gives each its own, such as "
                "TextTransformer, TextLSTM, TextCNN or Pretrained(..., pool='none')"
            )
            raise PartError(msg)
        padded = [row + [(0, 0)] * (time - len(row)) for row in rows]
        return torch.tensor(padded, dtype=torch.int64).reshape(len(rows), time, 2)

    def _of(self, text: str) -> list[Place]:
        found = self._known.get(text)
        if found is None:  # another thread may clear what is known at any time
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            step = self._step
            assert isinstance(step, TextStep)  # noqa: S101  text_of saw to it
            found = self._known[text] = step.places(text)
        return found
