"""The head of a target of spans: it has no weights; it knows truth, scores and errors.

Tags, one a token: 0 is outside all spans; 1 + 2 k begins a span of label k, 2 + 2 k goes on in it
(BIO; Ramshaw and Marcus 1995).

Legend: batch = rows, time = tokens of a text, spans = spans of a row, tags = 1 + 2 labels.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sensorium.core.batch import Column
from sensorium.metrics.spans import Span, slot_scores, span_counts
from sensorium.metrics.tally import Score, Weight
from sensorium.preprocess.spans import Slot, Slots
from sensorium.tasks.head import Array, Head, as_rows

IGNORED = -100
"""The tag of tokens in a span whose label no training row has: nothing is to be learned there."""
NEVER_SEEN = "(never seen in training)"


def tags_of_spans(
    spans: Int[Tensor, " batch spans 3"],
    real: Bool[Tensor, " batch spans"],
    places: Int[Tensor, " batch time 2"],
    labels: int,
) -> Int[Tensor, " batch time"]:
    """Give each token its tag; a token belongs to the first span that it shares a character with.

    Args:
        spans: label, start and end of each span.
        real: which spans are there.
        places: start and end of each token.
        labels: how many labels there are; a greater one is never seen.
    """
    starts, ends = places[:, None, :, 0], places[:, None, :, 1]
    inside = (starts < spans[:, :, None, 2]) & (ends > spans[:, :, None, 1]) & real[:, :, None]
    owner = torch.where(inside.any(1), inside.byte().argmax(1), -1)
    before = F.pad(owner, (1, 0), value=-1)[:, :-1]
    label = spans[..., 0].gather(1, owner.clamp(min=0))
    tags = 1 + 2 * label + (owner == before).long()
    tags = torch.where(label < labels, tags, IGNORED)
    return torch.where(owner < 0, 0, tags)


def allowed_tags(labels: int) -> Bool[Tensor, " tags tags"]:
    """Say which tag may follow (across) which (down): going on needs a span of that label."""
    tags = torch.arange(1 + 2 * labels)
    goes_on = (tags > 0) & (tags % 2 == 0)
    same = (tags[:, None] + 1) // 2 == tags[None, :] // 2
    return ~goes_on[None, :] | (same & (tags[:, None] > 0))


def best_tags(
    logits: Float[Tensor, " batch time tags"], mask: Bool[Tensor, " batch time"]
) -> Int[Tensor, " batch time"]:
    """Find the most probable tags that make whole spans (Viterbi 1967); 0 where masked."""
    scores = logits.log_softmax(2)
    scores = torch.where(mask[..., None], scores, F.one_hot(mask.long() * 0, logits.shape[2]).log())
    may = allowed_tags((logits.shape[2] - 1) // 2).to(logits.device)
    barred = torch.where(may, 0.0, -torch.inf).to(scores.dtype)
    best = scores[:, 0] + barred[0]
    back = []
    for step in range(1, logits.shape[1]):
        each, source = (best[:, :, None] + barred).max(1)
        back.append(source)
        best = each + scores[:, step]
    path = [best.argmax(1)]
    for source in reversed(back):
        path.append(source.gather(1, path[-1][:, None])[:, 0])
    return torch.stack(path[::-1], 1)


def slots_of_tags(
    tags: Sequence[int], places: Sequence[Sequence[int]], labels: Sequence[str], text: str
) -> Slots:
    """Read spans off the tags of one text."""
    found: list[tuple[int, int, int]] = []
    for tag, (start, end) in zip(tags, places, strict=True):
        if tag % 2:
            found.append(((tag - 1) // 2, start, end))
        elif tag and found:
            label, first, last = found[-1]
            found[-1] = (label, start if first == last else first, max(last, end))
    return tuple(
        Slot(labels[label], start, end, text[start:end])
        for label, start, end in found
        if start < end
    )


class SpanHead(Head):
    """Spans.

    Args:
        labels: what spans may be called.
    """

    form: ClassVar[str] = "spans"

    def __init__(self, labels: Sequence[str]) -> None:
        super().__init__(0, 0, 0)
        self.labels = tuple(labels)
        self.primary = "slot_f1"

    def loss(self, outputs: Tensor, column: Column, weight: Tensor | None = None) -> Tensor:
        """Average the cross entropy over the tokens of the rows that have the target.

        Args:
            outputs: logits of each token's tag, Float[batch time tags].
            column: the tags, Int[batch time].
            weight: which rows count.
        """
        counts = column.present if weight is None else column.present & weight
        tags = column.values.masked_fill(~(column.mask & counts[:, None]), IGNORED)
        losses = F.cross_entropy(
            outputs.transpose(1, 2), tags, reduction="sum", ignore_index=IGNORED
        )
        return losses / (tags != IGNORED).sum().clamp(min=1)

    def decide(self, outputs: Tensor) -> Array:
        """Turn spans, Int[batch spans 3] padded with -1, into objects."""
        return as_rows(self._slots(row, ()) for row in outputs.tolist())

    def truth(self, column: Column) -> Array:
        """Give the spans of each row; None where they are not known."""
        rows = zip(column.values.tolist(), column.mask.tolist(), strict=True)
        kept = [[span for span, real in zip(*row, strict=True) if real] for row in rows]
        texts = column.texts or [()] * len(kept)
        there = column.present.tolist()
        each = zip(kept, texts, there, strict=True)
        return as_rows(self._slots(row, words) if known else None for row, words, known in each)

    def _slots(self, spans: Sequence[Sequence[int]], texts: Sequence[str]) -> Slots:
        names = (*self.labels, NEVER_SEEN)
        words = (*texts, *[""] * (len(spans) - len(texts)))
        return tuple(
            Slot(names[label], start, end, text)
            for (label, start, end), text in zip(spans, words, strict=True)
            if label >= 0
        )

    def answers(self, decided: Array) -> list[Any]:
        """Give each row's spans as plain data, in the order of the text."""
        return [
            [{"label": s.label, "start": s.start, "end": s.end, "text": s.text} for s in row]
            for row in decided
        ]

    def in_words(self, one: Any) -> str:
        """Write the spans of one row."""
        return ", ".join(map(str, one)) or "none"

    def metrics(self, truth: Array, decided: Array, weight: Weight = None) -> Mapping[str, Score]:
        """Score spans: label and both ends must be right."""
        return slot_scores(span_counts(_bare(decided), _bare(truth)), weight)

    def errors(self, truth: Array, decided: Array) -> Array:
        """Give 1 - F1 of each row; 0 where nothing was to be found and nothing was."""
        counts = span_counts(_bare(decided), _bare(truth))
        either = counts.predicted + counts.gold
        return 1 - np.where(either == 0, 1.0, 2 * counts.right / either.clip(min=1))

    @staticmethod
    def known(truth: Array) -> Any:
        """Tell the rows whose spans are known."""
        return np.array([row is not None for row in truth], np.bool_)


def _bare(rows: Array) -> list[list[Span]]:
    return [[Span(slot.label, slot.start, slot.end) for slot in row] for row in rows]
