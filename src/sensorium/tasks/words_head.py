"""The head of a target that is written: it has no weights; it knows truth, scores and errors."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from sensorium.core.batch import Column
from sensorium.metrics.tally import Score, Weight
from sensorium.preprocess.tokens import Tokens
from sensorium.tasks.head import Array, Head, as_rows
from sensorium.tasks.judging import family_of, judged


def token_losses(
    logits: Float[Tensor, " rows steps vocabulary"],
    tokens: Int[Tensor, " rows steps"],
    smoothing: float = 0.0,
) -> Float[Tensor, " rows steps"]:
    """Give the cross entropy of every token.

    Args:
        logits: before the softmax.
        tokens: the true ids.
        smoothing: the share of the truth that is spread evenly over all ids.
    """
    return F.cross_entropy(
        logits.transpose(1, 2), tokens, reduction="none", label_smoothing=smoothing
    )


class WordsHead(Head):
    """Texts.

    Args:
        tokens: the target's tokenizer, for columns that do not carry their texts.
        judge: the family of scores, see ``judging.FAMILIES``.
    """

    form: ClassVar[str] = "texts"

    def __init__(self, tokens: Tokens, judge: str) -> None:
        super().__init__(0, 0, 0)
        self.tokens = tokens
        self.judge = judge
        self.primary = family_of(judge).primary
        self.lower_is_better = family_of(judge).lower_is_better

    def loss(self, outputs: Tensor, column: Column, weight: Tensor | None = None) -> Tensor:
        """Average the cross entropy over the tokens of the rows that have the target.

        Args:
            outputs: logits of each token and of the end, Float[batch steps vocabulary].
            column: ids of the true text and of its end, Int[batch steps].
            weight: which rows count.
        """
        counts = column.present if weight is None else column.present & weight
        losses = token_losses(outputs, torch.where(column.mask, column.values, 0))
        real = (column.mask & counts[:, None]).to(losses.dtype)
        return (losses * real).sum() / real.sum().clamp(min=1)

    def decide(self, outputs: Tensor) -> Array:
        """Turn the ids of written texts, padded with -1, into texts."""
        return as_rows(self.tokens.text([i for i in row if i >= 0]) for row in outputs.tolist())

    def truth(self, column: Column) -> Array:
        """Give the texts that would be right, a tuple a row; () where none is known."""
        found = column.texts
        if found is None:
            rows = zip(column.values.tolist(), column.mask.tolist(), strict=True)
            found = tuple(
                (self.tokens.text([i for i, real in zip(*row, strict=True) if real]),)
                for row in rows
            )
        there = column.present.tolist()
        return as_rows(texts if real else () for texts, real in zip(found, there, strict=True))

    def text(self, ids: Sequence[int], prefix: str = "") -> str:
        """Join ids to text; behind a prefix, to what must be put behind it, space and all."""
        given = self.given(prefix)
        if not given:
            return self.tokens.text(ids)
        whole, before = self.tokens.text([*given, *ids]), self.tokens.text(given)
        return whole[len(prefix if whole.startswith(prefix) else before) :]

    def given(self, prefix: str) -> list[int]:
        """Number a prefix; the space at its end belongs to what follows."""
        return self.tokens.bare([prefix.rstrip()])[0] if prefix.strip() else []

    def answers(self, decided: Array) -> list[Any]:
        """Give each row's text."""
        return [str(text) for text in decided]

    def metrics(self, truth: Array, decided: Array, weight: Weight = None) -> Mapping[str, Score]:
        """Score texts against their references."""
        return family_of(self.judge).scores(self._judged(truth, decided), weight)

    def errors(self, truth: Array, decided: Array) -> Array:
        """Give how wrong each row is."""
        return family_of(self.judge).errors(self._judged(truth, decided))

    def _judged(self, truth: Array, decided: Array) -> Any:
        return judged(self.judge, tuple(map(str, decided)), tuple(truth.tolist()))

    @staticmethod
    def known(truth: Array) -> Any:
        """Tell the rows that have a text."""
        return np.array([len(texts) > 0 for texts in truth], np.bool_)
