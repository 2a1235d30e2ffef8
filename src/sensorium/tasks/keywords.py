"""Keywords: those that stand in a row's text, and those that the row calls for without them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from sensorium.core.batch import Batch, Column, Features, Fused
from sensorium.core.errors import PartError, all_at_once
from sensorium.core.schema import Category, Field
from sensorium.metrics.keywords import Keyword, keyword_stems
from sensorium.preprocess.step import Step
from sensorium.tasks.classes import below_zero, tags_of
from sensorium.tasks.head import Array, as_rows
from sensorium.tasks.heads import Heads
from sensorium.tasks.keyword_head import KeywordHead, Ranked
from sensorium.tasks.phrase_features import Seen
from sensorium.tasks.phrase_scorer import PhraseScorer
from sensorium.tasks.reading import text_of, words_of
from sensorium.tasks.task import Task

LEAST = 10
"""So many keywords are ranked at least, for the scores."""


class Keywords(Task):
    """Give a row's keywords, best first.

    Two sources are ranked together. Phrases of the text are judged one by one: by where and how
    often they stand, by what training rows tell of their words, and by the fused vector, so that
    a picture has its say. Keywords that several training rows share are judged by the fused
    vector alone; they need not stand in the text, nor need there be one.

    Args:
        target: a column of lists of keywords, of kind category with ``many=True``.
        text: the input column in which phrases are looked for; None takes the only one that holds
            text, if there is one.
        top: how many keywords are given.
        auxiliary: weight of the loss of each part alone; 0 does without.

    Errors:
        PartError: options that cannot be; in ``setup``, a target without keywords, or a text that
            is no input.
    """

    heads: Heads

    def __init__(
        self, target: str, text: str | None = None, *, top: int = 10, auxiliary: float = 0.3
    ) -> None:
        super().__init__()
        self.target = target
        self.text = text
        self.top = top
        self.auxiliary = auxiliary
        self.targets = (target,)
        self.wanted = {target: Category}
        faults = below_zero({"auxiliary": auxiliary})
        if top < 1:
            faults.append(f"top must be at least 1, found {top}")
        if faults:
            raise PartError(all_at_once(f"Keywords({target!r}) cannot be:", faults))

    def setup(self, width: int, names: Sequence[str], steps: Mapping[str, Step]) -> None:
        """Make the head of shared keywords, and what judges phrases."""
        step = steps[self.target]
        every = tags_of(self.target, step)
        counts: Sequence[int] = getattr(step, "counts")  # noqa: B009  tags_of saw to it
        head = KeywordHead(width, len(names), every, counts, max(self.top, LEAST))
        self.heads = Heads({self.target: head}, names, self.auxiliary)
        self.scorer: PhraseScorer | None = None
        self._text = ""
        texts = [name for name in names if name in steps and steps[name].kind == "text"]
        if self.text is not None or texts:
            self._text = text_of(f"Keywords({self.target!r})", self.text, names, steps)
            self.scorer = PhraseScorer(width)
            self.reads = (self._text, self.target)
            self.needs = (self._text,) if self.text is not None else ()

    def suited(self, target: str, field: Field) -> Field:  # noqa: ARG002  it has one target
        """Take lists of keywords."""
        return replace(field, many=True) if isinstance(field, Category) else field

    def study(self, texts: Mapping[str, Sequence[tuple[str, ...]]]) -> None:
        """Count words, phrases and keywords of the training rows."""
        if self.scorer is not None:
            self.scorer.learn(texts[self._text], texts[self.target])

    @property
    def head(self) -> KeywordHead:
        """The head of shared keywords."""
        return cast(KeywordHead, self.heads[self.target])

    def forward(self, fused: Fused, batch: Batch) -> Features:
        """Compute logits of shared keywords, [batch shared], and of phrases, [phrases]."""
        features: Features = self.heads(fused)
        if self.scorer is None:
            return features
        words = words_of(self._text, batch, fused)
        found = self.scorer(fused.pooled, self._seen(words, batch.columns[self.target]))
        outputs = {f"{self.target}/{name}": its for name, its in found.items()}
        return replace(features, outputs={**features.outputs, **outputs}, texts={self._text: words})

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Give the binary cross entropy of shared keywords, and of phrases."""
        losses = self.heads.losses(features, batch)
        if self.scorer is not None:
            losses[self.target] = losses[self.target] + self._phrase_loss(features, batch)
        return losses

    def decided(self, features: Features) -> dict[str, Array]:
        """Rank phrases and shared keywords together."""
        shared = self.head.decide(features.outputs[self.target])
        if self.scorer is None:
            return {self.target: shared}
        seen = self.scorer.see(features.texts[self._text], [None] * len(shared))
        scores = features.outputs[f"{self.target}/logits"].detach().cpu().double().sigmoid()
        sizes = [0 if its is None else len(its.phrases) for its in seen]
        each = [its.tolist() for its in torch.split(scores.cpu(), sizes)]
        rows = zip(shared, seen, each, strict=True)
        return {self.target: as_rows(self._ranked(*row) for row in rows)}

    def predict(self, features: Features) -> list[Any]:
        """Give each row's keywords with their scores, best first."""
        found = self.head.answers(self.decided(features)[self.target])
        return [row[: self.top] for row in found]

    def _seen(self, words: Any, column: Column) -> list[Seen | None]:
        assert self.scorer is not None  # noqa: S101  asked for with a text only
        own: list[frozenset[Keyword] | None] = [None] * len(words)
        if self.training:
            own = [self._keys(its) if real else None for its, real in self._truth(column)]
        return self.scorer.see(words, own)

    def _truth(self, column: Column) -> list[tuple[tuple[str, ...], bool]]:
        texts = self.head.truth(column)
        return [((), False) if its is None else (its, True) for its in texts]

    def _keys(self, keywords: Sequence[str]) -> frozenset[Keyword]:
        return frozenset(keyword_stems(keyword) for keyword in keywords)

    def _phrase_loss(self, features: Features, batch: Batch) -> Tensor:
        """Average over the phrases of the rows that have the target."""
        logits = features.outputs[f"{self.target}/logits"]
        row = features.outputs[f"{self.target}/row"]
        column = batch.columns[self.target]
        words = features.texts[self._text]
        true: list[bool] = []
        for seen, (its, _) in zip(self._seen(words, column), self._truth(column), strict=True):
            keys = self._keys(its)
            true += [phrase.key in keys for phrase in (seen.phrases if seen else ())]
        counts = column.present[row]
        truth = torch.tensor(true, dtype=logits.dtype, device=logits.device)
        losses = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        return (losses * counts).sum() / counts.sum().clamp(min=1)

    def _ranked(self, shared: Ranked, seen: Seen | None, scores: Sequence[float]) -> Ranked:
        """Put both sources in one order; what stands in both has the better score."""
        phrases = seen.phrases if seen else ()
        found = [(p.key, p.text, score) for p, score in zip(phrases, scores, strict=True)]
        found += [(keyword_stems(word), word, score) for word, score in shared]
        best: dict[Keyword, tuple[float, str]] = {}
        for key, word, score in found:
            if score > best.get(key, (-1.0, ""))[0]:
                best[key] = (score, word)
        order = sorted(best.values(), key=lambda one: -one[0])[: self.head.top]
        return tuple((word, score) for score, word in order)
