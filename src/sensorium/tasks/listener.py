"""What listens by CTC for a task: its losses, its texts, and when each token was said."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from sensorium.core.batch import Batch, Features, Fused
from sensorium.decoders import CTC, Heard, ctc_losses, greedy, prefix_beam
from sensorium.decoders.decoder import learned_marks
from sensorium.preprocess.tokens import Tokens
from sensorium.preprocess.written import WrittenStep
from sensorium.tasks.head import Array, as_rows
from sensorium.tasks.judging import judged
from sensorium.tasks.words_head import WordsHead

Language = Callable[[str], float]


class Lexicon:
    """The only words that can be heard.

    Args:
        tokens: turns ids into text.
        words: the words, which spaces part.
    """

    def __init__(self, tokens: Tokens, words: Sequence[str]) -> None:
        self.tokens = tokens
        words = [tokens.text(ids) for ids in tokens.bare(words)]  # in lower case, it may be
        self.words = frozenset(words)
        self.beginnings = frozenset(word[:n] for word in words for n in range(len(word) + 1))

    def allowed(self, ids: tuple[int, ...]) -> bool:
        """Tell whether a text could become one of these words only."""
        text = self.tokens.text(ids)
        *whole, last = text.split(" ")
        return last in self.beginnings and all(word in self.words for word in whole)

    def finished(self, ids: tuple[int, ...]) -> bool:
        """Tell whether a text is made of these words."""
        return all(word in self.words for word in self.tokens.text(ids).split())


class Listener(nn.Module):
    """Hears the tokens of a target in the steps of a sound.

    Args:
        target: the column.
        step: its fitted step.
        width: features of a step of the sound.
        judge: the family of scores.
        beams: how many beginnings are followed; 1 takes the best at each step.
        words: the only words that can be heard; () allows any.
    """

    def __init__(
        self, target: str, step: WrittenStep, width: int, judge: str, beams: int,
        words: Sequence[str],
    ) -> None:  # fmt: skip
        super().__init__()
        self.target = target
        self.key = f"{target}/heard"
        self.head = WordsHead(step.tokens, judge)
        self.heads = {target: self.head}
        self.ctc = CTC(width, step.layout.vocabulary)
        self.never = list(learned_marks(step.layout)[1])
        self.beams = beams
        self.lexicon = Lexicon(step.tokens, words) if words else None
        self.language: Language | None = None
        self.weight = 0.5

    def forward(self, fused: Fused, batch: Batch) -> Features:  # noqa: ARG002
        """Give the log-probabilities of every step, Float[batch time ids]."""
        return Features(fused, {self.key: self.ctc(fused.tokens)})

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Give the loss of a token, averaged over the rows whose text fits into their sound."""
        column = batch.columns[self.target]
        real = column.mask & column.present[:, None]
        fused = features.fused
        there = torch.stack(list(fused.present.values())).any(0)
        losses = ctc_losses(features.outputs[self.key], fused.mask, column.values, real)
        repeats = (column.values[:, 1:] == column.values[:, :-1]) & real[:, 1:]
        fits = fused.mask.sum(1) >= real.sum(1) + repeats.sum(1)
        counts = (column.present & there & fits).to(losses.dtype)
        return {self.target: (losses * counts).sum() / counts.sum().clamp(min=1)}

    def decided(self, features: Features) -> dict[str, Array]:
        """Write what was heard."""
        return {self.target: as_rows(self.text(one) for one in self.heard(features))}

    def predict(self, features: Features) -> list[Any]:
        """Write what was heard."""
        return [str(text) for text in self.decided(features)[self.target]]

    def study(self, texts: Mapping[str, Sequence[tuple[str, ...]]]) -> None:  # noqa: ARG002
        """See to it that the transcripts can be judged in the end."""
        judged(self.head.judge, ("a",), (("a",),))

    def text(self, heard: Heard) -> str:
        """Join what was heard to a text."""
        return " ".join(self.head.tokens.text(heard.ids).split())

    def heard(self, features: Features) -> list[Heard]:
        """Give each row's tokens and when they were said, in steps."""
        log_probs = features.outputs[self.key].detach().cpu().double().clone()
        log_probs[:, :, self.never] = -torch.inf
        lengths = features.fused.mask.sum(1).tolist()
        return [self._one(row[:n]) for row, n in zip(log_probs.numpy(), lengths, strict=True)]

    def _one(self, log_probs: Array) -> Heard:
        if self.beams == 1 or not len(log_probs):
            return greedy(log_probs)
        lexicon = self.lexicon
        return prefix_beam(
            log_probs,
            self.beams,
            allowed=None if lexicon is None else lexicon.allowed,
            finished=None if lexicon is None else lexicon.finished,
            bonus=None if self.language is None else partial(self._bonus, self.language),
        )[0]

    def _bonus(self, language: Language, ids: tuple[int, ...]) -> float:
        return self.weight * language(self.head.tokens.text(ids))


def listener_of(task: nn.Module) -> Listener | None:
    """Find what listens in a task; None where nothing does."""
    return next((part for part in task.modules() if isinstance(part, Listener)), None)
