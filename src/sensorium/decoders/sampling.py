"""From scores to texts: greedy, beams, and draws, token by token, for every decoder alike.

A row's text depends on no other row: rows of one batch are written as they would be one by one.

Legend: rows = texts asked for, lines = texts under way (rows times beams or candidates),
vocabulary = ids.
"""

import operator
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sensorium.core.errors import PartError
from sensorium.core.seed import generator
from sensorium.decoders.decoder import Decoder
from sensorium.decoders.manner import GREEDY, Sampling


@dataclass(frozen=True, slots=True)
class Draft:
    """A text as tokens.

    Attributes:
        ids: its tokens, without marks.
        log_probs: the log-probability of each, as the decoder gave it; where the text was ended,
            that of its end follows.
        ended: whether it came to its end, and was not cut at the limit.
    """

    ids: tuple[int, ...]
    log_probs: tuple[float, ...]
    ended: bool

    def score(self, length_penalty: float = 1.0) -> float:
        """Give the log-probability, divided by the length to a power."""
        return float(sum(self.log_probs) / max(1, len(self.log_probs)) ** length_penalty)


def write(
    decoder: Decoder,
    memory: Float[Tensor, " rows time width"],
    mask: Bool[Tensor, " rows time"],
    sampling: Sampling = GREEDY,
    prefix: Int[Tensor, " rows steps"] | None = None,
    noise: torch.Generator | None = None,
) -> list[list[Draft]]:
    """Write texts.

    Args:
        decoder: what scores the tokens.
        memory: what it looks at.
        mask: which of that is real.
        sampling: how.
        prefix: tokens with which each text begins, filled up behind with -1; they are not part of
            the drafts.
        noise: draws the tokens of every row apart; None derives them from the seed, the same for
            each row, so that a row's text depends on no other.

    Returns:
        The candidates of each row, best first.
    """
    if prefix is None:
        prefix = torch.zeros(len(memory), 0, dtype=torch.int64, device=memory.device)
    lengths = (prefix >= 0).sum(1)
    drafts: dict[int, list[Draft]] = {}
    with _at_rest(decoder):
        for length in sorted(set(lengths.tolist())):  # lines of one run are as long as one another
            rows = (lengths == length).nonzero().squeeze(1)
            run = _Run(decoder, memory[rows], mask[rows], sampling, prefix[rows, :length])
            drafts |= zip(rows.tolist(), _written(run, noise), strict=True)
    return [drafts[row] for row in range(len(memory))]


def _written(run: "_Run", noise: torch.Generator | None) -> list[list[Draft]]:
    if run.sampling.beams > 1:
        return _follow(run)
    for _ in run.tokens(noise):
        pass
    return run.drafts()


def stream(
    decoder: Decoder,
    memory: Float[Tensor, " rows time width"],
    mask: Bool[Tensor, " rows time"],
    sampling: Sampling = GREEDY,
    prefix: Int[Tensor, " rows steps"] | None = None,
) -> Iterator[list[tuple[int, ...]]]:
    """Write token by token: gives the ids of each row so far, after each token.

    Errors:
        PartError: beams, whose tokens are not settled before the end.
    """
    if sampling.beams > 1 or sampling.candidates > 1:
        msg = "a stream writes one text token by token: set beams=1 and candidates=1"
        raise PartError(msg)
    with _at_rest(decoder):
        run = _Run(decoder, memory, mask, sampling, prefix)
    tokens = run.tokens(None)
    while True:
        with _at_rest(decoder):  # and not while the caller is at work between two tokens
            if next(tokens, None) is None:
                return
            found = [draft.ids for (draft,) in run.drafts()]
        yield found


@contextmanager
def _at_rest(decoder: Decoder) -> Iterator[None]:
    """Let a decoder write as it does in use, without dropout or gradients, whatever it was at."""
    was_training = decoder.training
    decoder.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        decoder.train(was_training)


class _Run:
    """Texts under way: ``candidates`` lines a row."""

    def __init__(
        self,
        decoder: Decoder,
        memory: Tensor,
        mask: Tensor,
        sampling: Sampling,
        prefix: Tensor | None,
    ) -> None:
        self.decoder, self.sampling = decoder, sampling
        self.rows, self.lines = len(memory), sampling.beams if sampling.beams > 1 else 1
        self.candidates = sampling.candidates if sampling.beams == 1 else 1
        begin = decoder.begins(memory, mask)
        self.read = begin if prefix is None else torch.cat([begin, prefix], 1)
        self.state = decoder.start(memory, mask)
        room = decoder.room(self.state)
        self.logits = decoder.step(self.read, self.state)
        most, given = sampling.max_tokens or decoder.limit, self.read.shape[1]
        # A row that has no room left is cut there, however far the others go on.
        self.lasts = [min(most, left - given) for left in room] if room else [most] * self.rows
        self.most = max(self.lasts)
        copies = self.candidates * self.lines
        if copies > 1:
            twice = torch.arange(self.rows, device=memory.device).repeat_interleave(copies)
            self.state, self.logits = self.state.select(twice), self.logits[twice]
            self.read = self.read[twice]
        self.given = self.read.shape[1]
        self.log_probs = self.logits.new_zeros(len(self.read), 0, dtype=torch.float32)
        self.ended = torch.zeros(len(self.read), dtype=torch.bool, device=memory.device)

    def judged(self) -> Float[Tensor, " lines vocabulary"]:
        """Give the log-probabilities less what was repeated, without what may not be written."""
        logits = self.logits.float().clone()
        penalty = self.sampling.repetition_penalty
        if penalty != 1.0 and self.read.shape[1] > self.given:
            said = self.read[:, self.given :].clamp(min=0)
            held = logits.gather(1, said)
            logits.scatter_(1, said, torch.where(held > 0, held / penalty, held * penalty))
        found = logits.log_softmax(1)
        first = self.decoder.first_never if self.read.shape[1] == self.given else ()
        if never := [*self.decoder.never, *first]:
            found[:, never] = -torch.inf
        return found

    def tokens(self, noise: torch.Generator | None) -> Iterator[Int[Tensor, " lines"]]:
        """Write one token a line at a time until all lines have ended."""
        for step in range(self.most):
            chosen = self._chosen(step, noise)
            log_probs = self.logits.float().log_softmax(1).gather(1, chosen[:, None])
            self.log_probs = torch.cat([self.log_probs, log_probs], 1)
            chosen = torch.where(self.ended, self.decoder.end, chosen)
            self.read = torch.cat([self.read, chosen[:, None]], 1)
            self.ended = self.ended | (chosen == self.decoder.end)
            yield chosen
            if step + 1 == self.most or bool(self.ended.all()):
                return
            self.logits = self.decoder.step(chosen[:, None], self.state)

    def _chosen(self, step: int, noise: torch.Generator | None) -> Int[Tensor, " lines"]:
        judged = self.judged()
        if not self.sampling.temperature:
            return judged.argmax(1)
        # The best stands at 0, so that however low the temperature, it stays possible.
        logits = (judged - judged.amax(1, keepdim=True)) / self.sampling.temperature
        kept = narrowed(logits, self.sampling.top_k, self.sampling.top_p)
        shape = logits.shape if noise is not None else (self.candidates, logits.shape[1])
        draws = noise or generator(self.sampling.seed, "write", step)
        even = torch.rand(shape, generator=draws).to(kept.device).clamp(min=1e-20)
        gumbel = -torch.log(-torch.log(even))
        return (kept + gumbel.repeat(len(kept) // len(gumbel), 1)).argmax(1)

    def drafts(self) -> list[list[Draft]]:
        """Give the texts so far, by row, the most probable first."""
        lasts = [last for last in self.lasts for _ in range(self.candidates)]
        found = drafts_of(self.read[:, self.given :], self.log_probs, self.decoder.end, lasts)
        rows = [found[i : i + self.candidates] for i in range(0, len(found), self.candidates)]
        return [sorted(row, key=self._worse) for row in rows]

    def _worse(self, draft: Draft) -> float:
        return -draft.score(self.sampling.length_penalty)


def narrowed(
    logits: Float[Tensor, " lines vocabulary"], top_k: int, top_p: float
) -> Float[Tensor, " lines vocabulary"]:
    """Leave only the most probable tokens; all others become impossible.

    Args:
        logits: scores.
        top_k: how many are left; 0 leaves all.
        top_p: the least whose probabilities reach this sum are left.
    """
    if 0 < top_k < logits.shape[1]:
        best, where = logits.topk(top_k, dim=1)
        logits = torch.full_like(logits, -torch.inf).scatter(1, where, best)
    if top_p < 1:
        ordered, order = logits.sort(dim=1, descending=True)
        shares = ordered.softmax(1)
        beyond = shares.cumsum(1) - shares >= top_p
        logits = logits.masked_fill(beyond.gather(1, order.argsort(1)), -torch.inf)
    return logits


def drafts_of(
    tokens: Int[Tensor, " lines steps"],
    log_probs: Float[Tensor, " lines steps"],
    end: int,
    lasts: Sequence[int],
) -> list[Draft]:
    """Cut each line at its end, or at its limit."""
    found = []
    for whole, chances, last in zip(tokens.tolist(), log_probs.tolist(), lasts, strict=True):
        ids = whole[:last]
        stop = ids.index(end) if end in ids else len(ids)
        told = tuple(chances[: min(stop + 1, last)])
        found.append(Draft(tuple(ids[:stop]), told, stop < len(ids)))
    return found


@dataclass
class _Pool:
    """The finished texts of one row, best first, by what their line was worth in the end."""

    most: int
    length_penalty: float
    drafts: list[Draft] = field(default_factory=list)
    worths: list[float] = field(default_factory=list)

    def add(self, draft: Draft, total: float) -> None:
        worth = self.worth(total, len(draft.log_probs))
        place = bisect_right(self.worths, -worth, key=operator.neg)
        self.drafts.insert(place, draft)
        self.worths.insert(place, worth)
        del self.drafts[self.most :], self.worths[self.most :]

    def worth(self, total: float, length: int) -> float:
        return float(total / max(1, length) ** self.length_penalty)

    def closed(self, best: float, steps: int, most: int) -> bool:
        """Tell whether no line under way can still come in, however it goes on."""
        if len(self.drafts) < self.most:
            return False
        # Log-probabilities only fall, so a line is worth the most at the length that suits it.
        return self.worths[-1] >= self.worth(best, most if self.length_penalty > 0 else steps)


def _follow(run: _Run) -> list[list[Draft]]:
    """Follow the best beginnings of each row (beam search)."""
    sampling, beams, end = run.sampling, run.lines, run.decoder.end
    pools = [_Pool(beams, sampling.length_penalty) for _ in range(run.rows)]
    device = run.read.device
    totals = torch.full((run.rows, beams), -torch.inf, device=device)
    totals[:, 0] = 0.0
    first = torch.arange(run.rows, device=device)[:, None] * beams
    closed = torch.zeros(run.rows, dtype=torch.bool, device=device)
    for step in range(1, run.most + 1):
        plain = run.logits.float().log_softmax(1)
        judged = run.judged()
        vocabulary = judged.shape[1]
        sums = (totals.reshape(-1, 1) + judged).view(run.rows, -1)
        best, where = sums.topk(min(2 * beams, sums.shape[1]), dim=1)
        line, token = first + where // vocabulary, where % vocabulary
        _close(run, pools, closed, best, line, token, plain)
        going = torch.where(token == end, -torch.inf, best)
        totals, place = going.topk(beams, dim=1)
        line, token = line.gather(1, place).flatten(), token.gather(1, place).flatten()
        run.log_probs = torch.cat([run.log_probs[line], plain[line, token][:, None]], 1)
        run.read = torch.cat([run.read[line], token[:, None]], 1)
        tops = totals[:, 0].tolist()
        each = zip(pools, tops, run.lasts, strict=True)
        full = [pool.closed(top, step, last) for pool, top, last in each]
        closed = torch.tensor(full, device=device) | closed
        for row, last in enumerate(run.lasts):
            if last == step and not closed[row]:
                _cut(run, pools[row], totals[row], row)
                closed[row] = True
        if bool(closed.all()) or step == run.most:
            break
        run.state = run.state.select(line)
        run.logits = run.decoder.step(token[:, None], run.state)
    return [pool.drafts[: sampling.candidates] for pool in pools]


def _close(
    run: _Run,
    pools: Sequence[_Pool],
    closed: Tensor,
    best: Tensor,
    line: Tensor,
    token: Tensor,
    plain: Tensor,
) -> None:
    """Move the texts that end here to their row's pool, where they are among the best."""
    ends = (token == run.decoder.end) & (best > -torch.inf) & ~closed[:, None]
    ends[:, run.lines :] = False
    for row, place in ends.nonzero().tolist():
        source = int(line[row, place])
        ids = tuple(run.read[source, run.given :].tolist())
        chances = (*run.log_probs[source].tolist(), float(plain[source, run.decoder.end]))
        pools[row].add(Draft(ids, chances, ended=True), float(best[row, place]))


def _cut(run: _Run, pool: _Pool, totals: Tensor, row: int) -> None:
    """Where fewer texts of a row ended than were asked for, take those under way."""
    for place, total in enumerate(totals.tolist()):
        if len(pool.drafts) < run.sampling.candidates and total > -torch.inf:
            source = row * run.lines + place
            ids = tuple(run.read[source, run.given :].tolist())
            pool.add(Draft(ids, tuple(run.log_probs[source].tolist()), ended=False), total)
