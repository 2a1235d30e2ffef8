"""What listens by CTC for a task: its losses, its texts, and when each token was said."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn

from sensorium.core.batch import Batch, Features, Fused
from sensorium.core.counted import counted
from sensorium.core.errors import PartError
from sensorium.core.faults import RowId
from sensorium.decoders import CTC, Heard, ctc_losses, greedy, prefix_beam
from sensorium.decoders.decoder import learned_marks
from sensorium.preprocess.tokens import Tokens
from sensorium.preprocess.written import WrittenStep
from sensorium.tasks.head import Array, as_rows
from sensorium.tasks.judging import judged
from sensorium.tasks.language import Language
from sensorium.tasks.words_head import WordsHead

NAMED = 5
"""So many rows are named in a note."""


class Lexicon:
    """The only words that can be heard.

    Args:
        tokens: turns ids into text.
        words: the words, which spaces part.
    """

    def __init__(self, tokens: Tokens, words: Sequence[str]) -> None:
        self.tokens = tokens
        if torn := [word for word in words if len(word.split()) != 1]:
            shown = ", ".join(map(repr, torn[:NAMED]))
            raise PartError(f"words= takes single words, without blanks in them, found {shown}")
        heard = [tokens.text(ids) for ids in tokens.bare(words)]  # in lower case, it may be
        self.words = frozenset(heard)
        self.given = dict(zip(heard, words, strict=True))
        self.beginnings = frozenset(word[:n] for word in heard for n in range(len(word) + 1))

    def check(self, texts: Iterable[str]) -> None:
        """Refuse words that can never be heard.

        Errors:
            PartError: words with letters that no training text has.
        """
        letters = {letter for text in texts for letter in text + text.lower()}
        if lost := [given for word, given in self.given.items() if set(word) - letters]:
            shown = ", ".join(map(repr, lost[:NAMED]))
            msg = f"no training text has the letters of {counted(len(lost), 'word')} in words="
            raise PartError(f"{msg}: {shown}; write them as the texts do, or leave them out")

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
        heard: the input column in which it is said.
        step: the target's fitted step.
        width: features of a step of the sound.
        judge: the family of scores.
        beams: how many beginnings are followed; 1 takes the best at each step.
        words: the only words that can be heard; () allows any.

    Attributes:
        short: the training rows met so far, and not taken note of, whose text does not fit.
    """

    def __init__(
        self, target: str, heard: str, step: WrittenStep, width: int, judge: str, beams: int = 1,
        words: Sequence[str] = (),
    ) -> None:  # fmt: skip
        super().__init__()
        self.target = target
        self.name = heard
        self.key = f"{target}/heard"
        self.head = WordsHead(step.tokens, judge)
        self.heads = {target: self.head}
        self.ctc = CTC(width, step.layout.vocabulary)
        self.never = list(learned_marks(step.layout)[1])
        self.beams = beams
        self.lexicon = Lexicon(step.tokens, words) if words else None
        self.language: Language | None = None
        self.weight = 0.0
        self.short: set[RowId] = set()

    def believe(self, language: Language, weight: float) -> None:
        """Rank texts by how probable they are as texts, too.

        Args:
            language: tells that.
            weight: how much it counts.
        """
        self.language = language
        self.weight = weight

    @property
    def frozen(self) -> nn.Module | None:
        """The language, which no step of training changes."""
        return self.language

    def forward(self, fused: Fused, batch: Batch) -> Features:  # noqa: ARG002
        """Give the log-probabilities of every step, Float[batch time ids]."""
        return Features(fused, {self.key: self.ctc(fused.own(self.name).tokens)})

    def steps(self, fused: Fused) -> Int[Tensor, " batch"]:
        """Count the steps of each row's sound."""
        return fused.own(self.name).mask.sum(1)

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Give the loss of a token, averaged over the rows whose text fits into their sound."""
        column = batch.columns[self.target]
        real = column.mask & column.present[:, None]
        sound = features.fused.own(self.name)
        losses = ctc_losses(features.outputs[self.key], sound.mask, column.values, real)
        repeats = (column.values[:, 1:] == column.values[:, :-1]) & real[:, 1:]
        fits = sound.mask.sum(1) >= real.sum(1) + repeats.sum(1)
        if self.training and not bool(fits.all()):
            short = (column.present & sound.present & ~fits).tolist()
            self.short |= {row for row, its in zip(batch.rows, short, strict=True) if its}
        counts = (column.present & sound.present & fits).to(losses.dtype)
        return {self.target: (losses * counts).sum() / counts.sum().clamp(min=1)}

    def decided(self, features: Features) -> dict[str, Array]:
        """Write what was heard."""
        return {self.target: as_rows(self.text(one) for one in self.heard(features))}

    def predict(self, features: Features) -> list[Any]:
        """Write what was heard."""
        return [str(text) for text in self.decided(features)[self.target]]

    def study(self, texts: Mapping[str, Sequence[tuple[str, ...]]]) -> None:
        """Learn the language, and see to it that the transcripts can be judged in the end."""
        judged(self.head.judge, ("a",), (("a",),))
        self.short.clear()
        if self.lexicon is not None:
            self.lexicon.check(text for row in texts[self.target] for text in row)
        if self.language is not None:
            self.language.study([text for row in texts[self.target] for text in row])

    def text(self, heard: Heard) -> str:
        """Join what was heard to a text."""
        return " ".join(self.head.tokens.text(heard.ids).split())

    def heard(self, features: Features) -> list[Heard]:
        """Give each row's tokens and when they were said, in steps."""
        log_probs = features.outputs[self.key].detach().cpu().double().clone()
        log_probs[:, :, self.never] = -torch.inf
        lengths, bonus = self.steps(features.fused).tolist(), self._bonus()
        rows = zip(log_probs.numpy(), lengths, strict=True)
        return [self._one(row[:n], bonus) for row, n in rows]

    def _one(self, log_probs: Array, bonus: Callable[[tuple[int, ...]], float] | None) -> Heard:
        if self.beams == 1 or not len(log_probs):
            return greedy(log_probs)
        lexicon = self.lexicon
        return prefix_beam(
            log_probs,
            self.beams,
            allowed=None if lexicon is None else lexicon.allowed,
            finished=None if lexicon is None else lexicon.finished,
            bonus=bonus,
        )[0]

    def _bonus(self) -> Callable[[tuple[int, ...]], float] | None:
        known = None if self.language is None else self.language.model
        if known is None or not self.weight:  # 0 times the impossible would be no number
            return None
        return lambda ids: self.weight * known.log_prob(self.head.tokens.text(ids))


def listeners_of(task: nn.Module) -> dict[str, Listener]:
    """Find what listens in a task, by target."""
    return {part.target: part for part in task.modules() if isinstance(part, Listener)}


def short_note(target: str, short: Collection[RowId]) -> str:
    """Say which rows, one at least, taught nothing, for their text does not fit into their sound.

    Args:
        target: the column of texts.
        short: the rows.
    """
    named = ", ".join(sorted(map(str, short), key=lambda row: (len(row), row))[:NAMED])
    rows = f"row {named}" if len(short) == 1 else f"rows {named}"
    return (
        f"{target}: {counted(len(short), 'training row')} taught nothing, for a text has more "
        f"tokens than its sound has steps ({rows}{', ...' if len(short) > NAMED else ''}): take "
        "more steps, Speech(step=2), or shorten the texts"
    )
