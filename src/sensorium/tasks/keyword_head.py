"""The head of a target of keywords: those that training rows share, by the fused vector; scores.

Legend: batch = rows, shared = keywords that several training rows have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sensorium.core.batch import Column, Decide
from sensorium.metrics.keywords import KeywordHits, keyword_f1, keyword_hits, keyword_scores
from sensorium.metrics.tally import Score, Weight
from sensorium.tasks.head import Array, Head, as_rows
from sensorium.tasks.tag_head import TagHead
from sensorium.tasks.threshold import kept_below

Ranked = tuple[tuple[str, float], ...]
"""Keywords with their scores, best first."""


class KeywordHead(Head):
    """Keywords.

    Args:
        width: width of the vectors.
        parts: how many input columns.
        names: every keyword of the training rows.
        counts: how many of them have each.
        top: how many keywords are given.

    Attributes:
        shared: those that at least two rows have, or all, if no two share any.
        threshold: F1@M judges the keywords from this score on; saved with the weights.
    """

    form: ClassVar[str] = "keywords"
    places: Tensor
    threshold: Tensor

    def __init__(
        self, width: int, parts: int, names: Sequence[str], counts: Sequence[int], top: int
    ) -> None:
        super().__init__(0, 0, 0)
        shared = [place for place, count in enumerate(counts) if count > 1]
        chosen = shared or list(range(len(names)))
        self.every = tuple(names)
        self.shared = tuple(names[place] for place in chosen)
        self.top = top
        self.primary = "keyword_f1_at_5"
        self.learns_threshold = True
        self.tags = TagHead(width, parts, self.shared)
        with torch.no_grad():
            for layer in (self.tags.joint, *self.tags.apart):
                layer.bias.fill_(-4.0)
        self.register_buffer("places", torch.tensor(chosen), persistent=False)
        self.register_buffer("threshold", torch.zeros(()))

    def forward(self, pooled: Float[Tensor, " batch width"]) -> Float[Tensor, " batch shared"]:
        """Compute logits from the fused vector."""
        outputs: Tensor = self.tags(pooled)
        return outputs

    def alone(self, parts: Sequence[Tensor]) -> list[Tensor]:
        """Compute logits from each part's own vector."""
        return self.tags.alone(parts)

    def together(
        self,
        decide: Decide,
        alone: Float[Tensor, " batch parts shared"],
        present: Bool[Tensor, " batch parts"],
    ) -> Float[Tensor, " batch shared"]:
        """Let a late fusion decide on each keyword by itself."""
        return self.tags.together(decide, alone, present)

    def loss(self, outputs: Tensor, column: Column, weight: Tensor | None = None) -> Tensor:
        """Give the binary cross entropy, for each row that of all shared keywords together."""
        some = replace(column, values=column.values[:, self.places], texts=None)
        loss: Tensor = self.tags.loss(outputs, some, weight) * len(self.shared) ** 0.5
        return loss

    def decide(self, outputs: Tensor) -> Array:
        """Rank the shared keywords, [rows]."""
        best = outputs.detach().cpu().double().sigmoid().topk(min(self.top, len(self.shared)), 1)
        rows = zip(best.values.tolist(), best.indices.tolist(), strict=True)
        return as_rows(
            tuple((self.shared[n], score) for score, n in zip(*row, strict=True)) for row in rows
        )

    def truth(self, column: Column) -> Array:
        """Give the keywords of each row; None where they are not known."""
        texts = column.texts
        if texts is None:
            marks = column.values[:, : len(self.every)].tolist()
            texts = tuple(
                tuple(name for name, yes in zip(self.every, row, strict=True) if yes)
                for row in marks
            )
        there = column.present.tolist()
        return as_rows(its if real else None for its, real in zip(texts, there, strict=True))

    def answers(self, decided: Array) -> list[Any]:
        """Give each row's keywords with their scores, best first."""
        return [
            [{"keyword": keyword, "score": score} for keyword, score in row[: self.top]]
            for row in decided
        ]

    def in_words(self, one: Any) -> str:
        """Write the keywords of one row."""
        words = [word if isinstance(word, str) else word[0] for word in one]
        return ", ".join(words[: self.top]) or "none"

    def fit_thresholds(self, truth: Array, decided: Array) -> None:
        """Choose from which score on keywords are given for F1@M, so that it is highest."""
        scores = np.array([score for row in decided for _, score in row])
        if len(scores):
            levels = np.unique(np.quantile(scores, np.linspace(0, 0.98, 25)))
            worth = [float(keyword_f1(_hits(truth, decided, level))) for level in levels.tolist()]
            self.threshold.copy_(kept_below(levels[int(np.argmax(worth))]))

    def metrics(self, truth: Array, decided: Array, weight: Weight = None) -> Mapping[str, Score]:
        """Score rankings at 5 and 10, and what lies above the threshold (M)."""
        found = keyword_scores(_hits(truth, decided), weight)
        sure = _hits(truth, decided, self.threshold.item())
        return {**found, "keyword_f1_at_m": keyword_f1(sure, "M", weight)}

    def score(self, truth: Array, decided: Array, weight: Weight = None) -> Score:
        """Give the primary metric alone."""
        return keyword_f1(_hits(truth, decided), 5, weight)

    def errors(self, truth: Array, decided: Array) -> Array:
        """Give 1 - F1 of each row's first keywords, as many as are true."""
        hits = _hits(truth, decided)
        found = np.bincount(hits.row[hits.rank <= hits.gold[hits.row]], minlength=len(truth))
        either = hits.gold + np.minimum(hits.gold, hits.predicted)
        return 1 - np.where(either == 0, 1.0, 2 * found / either.clip(min=1))

    @staticmethod
    def known(truth: Array) -> Any:
        """Tell the rows whose keywords are known."""
        return np.array([row is not None for row in truth], np.bool_)


def _hits(truth: Array, decided: Array, least: float = 0.0) -> KeywordHits:
    answered = tuple(tuple(word for word, s in row if s >= least) for row in decided)
    return _judged(answered, tuple(truth))


@lru_cache(maxsize=32)
def _judged(
    answered: tuple[tuple[str, ...], ...], truth: tuple[tuple[str, ...], ...]
) -> KeywordHits:
    return keyword_hits(answered, truth)
