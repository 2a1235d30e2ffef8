"""Connectionist temporal classification: what each moment says, and the texts that may be heard.

Graves et al. 2006. At every step of time the network says a token or the blank; a text is what is
left when repetitions are merged and blanks dropped.

Legend: time = steps of what was heard, ids = all tokens, the blank last, tokens = those of a text.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

Chances = Float[np.ndarray, " time ids"]
Language = Callable[[str], float]
"""Gives the log-probability of a text."""
Line = int | tuple[int, int]
"""A text by its number; one that has none by that of the text before its last token, and that."""
Ends = tuple[float, float]
"""Of a text, the log-probabilities of its alignments that end in the blank, and in its token."""


class CTC(nn.Module):
    """Says a token or the blank at every step.

    Args:
        width: features of a step.
        vocabulary: how many tokens there are; the blank is one more.
    """

    def __init__(self, width: int, vocabulary: int) -> None:
        super().__init__()
        self.blank = vocabulary
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, vocabulary + 1)

    def forward(self, steps: Float[Tensor, " batch time width"]) -> Tensor:
        """Give log-probabilities, Float[batch time ids]."""
        scores: Tensor = self.out(self.norm(steps))
        exact = scores if scores.dtype == torch.float64 else scores.float()
        return exact.log_softmax(2)


def ctc_losses(
    log_probs: Float[Tensor, " batch time ids"],
    mask: Bool[Tensor, " batch time"],
    tokens: Int[Tensor, " batch steps"],
    real: Bool[Tensor, " batch steps"],
) -> Float[Tensor, " batch"]:
    """Give each row's loss a token: -log of the chance of its text, by any alignment.

    Args:
        log_probs: from ``CTC``; the blank is the last id.
        mask: which steps of time are real, the first ones.
        tokens: the true text.
        real: which of its tokens are real, the first ones.

    Returns:
        The losses; 0 where the text cannot be heard in so few steps.
    """
    lengths = real.sum(1)
    losses = F.ctc_loss(
        log_probs.transpose(0, 1),
        torch.where(real, tokens, 0),
        mask.sum(1),
        lengths,
        blank=log_probs.shape[2] - 1,
        reduction="none",
        zero_infinity=True,
    )
    return losses / lengths.clamp(min=1)


@dataclass(frozen=True, slots=True)
class Heard:
    """A text as it was heard.

    Attributes:
        ids: its tokens.
        starts, ends: where each lies, in steps of time; its end is the step behind it.
        chances: how sure each is, 0 to 1.
        score: the log-probability of the text as a whole.
    """

    ids: tuple[int, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    chances: tuple[float, ...]
    score: float


def greedy(log_probs: Chances) -> Heard:
    """Take the most probable id at every step; of no steps, the empty text."""
    if not len(log_probs):
        return Heard((), (), (), (), 0.0)
    best = log_probs.argmax(1)
    blank = log_probs.shape[1] - 1
    turns = np.flatnonzero(np.diff(best, prepend=-1) != 0)
    stops = np.append(turns[1:], len(best))
    runs = [(int(a), int(b)) for a, b in zip(turns, stops, strict=True) if best[a] != blank]
    return Heard(
        tuple(int(best[a]) for a, _ in runs),
        tuple(a for a, _ in runs),
        tuple(b for _, b in runs),
        tuple(float(np.exp(log_probs[a:b, best[a]].max())) for a, b in runs),
        float(log_probs.max(1).sum()),
    )


def prefix_beam(
    log_probs: Chances,
    beams: int,
    *,
    allowed: Callable[[tuple[int, ...]], bool] | None = None,
    finished: Callable[[tuple[int, ...]], bool] | None = None,
    bonus: Callable[[tuple[int, ...]], float] | None = None,
) -> list[Heard]:
    """Find the most probable texts over all their alignments (Hannun et al. 2014).

    Args:
        log_probs: of one row.
        beams: how many beginnings are followed.
        allowed: which beginnings may be followed (a word list); None follows all.
        finished: which beginnings may be a whole text; None takes all. Where none of those that
            were followed to the end is one, the best of them is cut back to where it was.
        bonus: what is added to the score of a text when the texts found are ranked (a language
            model's log-probability, weighted); None adds nothing.

    Returns:
        Up to ``beams`` texts, best first; there is always one.
    """
    texts = _Texts()
    lines: dict[int, Ends] = {0: (0.0, -np.inf)}
    for step in log_probs:
        grown = _grown(texts, lines, step, max(2 * beams, 8), allowed)
        best = sorted(grown.items(), key=lambda its: -np.logaddexp(*its[1]))[:beams]
        lines = {texts.kept(text): ends for text, ends in best}
    found = {texts.ids(text): float(np.logaddexp(*ends)) for text, ends in lines.items()}
    scores = {ids: score for ids, score in found.items() if finished is None or finished(ids)}
    if finished is not None and not scores:  # cut off within a word, say
        likeliest = next(iter(found))
        begun = (likeliest[:n] for n in range(len(likeliest), 0, -1))
        cut = next(filter(finished, begun), ())
        scores = {cut: _log_prob(log_probs, cut)}
    ranked = sorted(scores, key=lambda t: -(scores[t] + (bonus(t) if bonus else 0.0)))
    return [aligned(log_probs, text, scores[text]) for text in ranked]


def _log_prob(log_probs: Chances, ids: Sequence[int]) -> float:
    """Give the log-probability of a text, by any alignment."""
    steps, text = torch.from_numpy(log_probs)[:, None], torch.tensor([ids], dtype=torch.int64)
    time, size, blank = torch.tensor([len(steps)]), torch.tensor([len(ids)]), steps.shape[2] - 1
    return -float(F.ctc_loss(steps, text, time, size, blank, reduction="sum"))


class _Texts:
    """Texts by number, each as another one and its last token, so that long ones cost no more.

    A text that is not kept yet goes by (number of the other, last token) itself.
    """

    def __init__(self) -> None:
        self.parts: list[tuple[int, int]] = [(-1, -1)]  # the empty text
        self._numbers: dict[tuple[int, int], int] = {}

    def longer(self, text: int, token: int) -> Line:
        """Give a text with one more token."""
        return self._numbers.get((text, token), (text, token))

    def kept(self, text: Line) -> int:
        """Give the number of a text."""
        if isinstance(text, int):
            return text
        self.parts.append(text)
        return self._numbers.setdefault(text, len(self.parts) - 1)

    def ids(self, text: int) -> tuple[int, ...]:
        """Give the tokens of a text."""
        found: list[int] = []
        while text:
            text, token = self.parts[text]
            found.append(token)
        return tuple(reversed(found))


def _grown(
    texts: _Texts,
    lines: dict[int, Ends],
    step: Float[np.ndarray, " ids"],
    most: int,
    allowed: Callable[[tuple[int, ...]], bool] | None,
) -> dict[Line, Ends]:
    """Let each text go on by a step: as it is, or by one of so many of the likeliest tokens."""
    grown: dict[Line, Ends] = {}
    blank = len(step) - 1
    likely = np.argsort(-step[:blank], kind="stable")[:most].tolist()
    for text, (on_blank, on_token) in lines.items():
        either, last = np.logaddexp(on_blank, on_token), texts.parts[text][1]
        _add(grown, text, blank_too=either + step[blank])
        if last >= 0:
            _add(grown, text, token_too=on_token + step[last])
        ids = () if allowed is None else texts.ids(text)
        for token in likely:
            if allowed is not None and not allowed((*ids, token)):
                continue
            # A repeated token needs a blank between, or it merges with the one before.
            before = on_blank if last == token else either
            _add(grown, texts.longer(text, token), token_too=before + step[token])
    return grown


def _add(
    grown: dict[Line, Ends], text: Line, blank_too: float = -np.inf, token_too: float = -np.inf
) -> None:
    if max(blank_too, token_too) == -np.inf:
        return
    on_blank, on_token = grown.get(text, (-np.inf, -np.inf))
    grown[text] = (
        float(np.logaddexp(on_blank, blank_too)),
        float(np.logaddexp(on_token, token_too)),
    )


def aligned(log_probs: Chances, ids: Sequence[int], score: float = 0.0) -> Heard:
    """Find where each token of a text lies: the most probable of its alignments (Viterbi).

    Args:
        log_probs: of one row.
        ids: the text.
        score: is handed on.

    Returns:
        The text with its times; a text that so few steps cannot hold has no times of its own.
    """
    time, blank = len(log_probs), log_probs.shape[1] - 1
    if not ids:
        return Heard((), (), (), (), score)
    if not time:
        return _untimed(ids, time, score)
    states = np.full(2 * len(ids) + 1, blank)
    states[1::2] = ids
    skips = np.zeros(len(states), np.bool_)
    skips[3::2] = states[3::2] != states[1:-2:2]
    best, back = np.full(len(states), -np.inf), np.zeros((time, len(states)), np.int64)
    best[0], best[1] = log_probs[0, blank], log_probs[0, states[1]]
    for step in range(1, time):
        ways = np.stack([best, _shifted(best, 1), np.where(skips, _shifted(best, 2), -np.inf)])
        back[step] = ways.argmax(0)
        best = ways.max(0) + log_probs[step, states]
    at = len(states) - 1 if best[-1] >= best[-2] else len(states) - 2
    if not np.isfinite(best[at]):
        return _untimed(ids, time, score)
    path = np.zeros(time, np.int64)
    for step in range(time - 1, -1, -1):
        path[step] = at
        at -= int(back[step, at])
    places = [np.flatnonzero(path == 2 * n + 1) for n in range(len(ids))]
    return Heard(
        tuple(ids),
        tuple(int(p[0]) for p in places),
        tuple(int(p[-1]) + 1 for p in places),
        tuple(float(np.exp(log_probs[p, i].max())) for p, i in zip(places, ids, strict=True)),
        score,
    )


def _untimed(ids: Sequence[int], time: int, score: float) -> Heard:
    return Heard(tuple(ids), (0,) * len(ids), (time,) * len(ids), (0.0,) * len(ids), score)


def _shifted(x: NDArray[np.float64], by: int) -> NDArray[np.float64]:
    return np.concatenate([np.full(by, -np.inf), x[:-by]])
