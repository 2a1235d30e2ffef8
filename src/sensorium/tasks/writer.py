"""What every task that ends in words does: teach a decoder, let it write, judge what it wrote.

Legend: batch = rows, time = what the decoder looks at, steps = tokens of a text and its end.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sensorium.core.batch import Batch, Column, Features, Fused
from sensorium.core.errors import PartError
from sensorium.decoders import Decoder, Draft, Sampling, TextDecoder, check_sampling, stream, write
from sensorium.decoders.prompt import columns_of, filled
from sensorium.metrics import Cider, caption_tokens
from sensorium.preprocess.step import Step
from sensorium.preprocess.written import WrittenStep
from sensorium.tasks.head import Array, as_rows
from sensorium.tasks.judging import judged
from sensorium.tasks.reading import Words, words_of
from sensorium.tasks.teaching import Teaching
from sensorium.tasks.words_head import WordsHead, token_losses

DRAWN = "drawn"
PLAIN = "plain"


@dataclass(frozen=True, eq=False)
class Memory:
    """What a decoder looks at: the fused vector, unless it reads none, then all columns' tokens.

    Columns that its prompt repeats word by word are not looked at.
    """

    tokens: Float[Tensor, " batch time width"]
    mask: Bool[Tensor, " batch time"]

    @classmethod
    def of(cls, fused: Fused, decoder: Decoder) -> "Memory":
        """Put the fused vector before the tokens, so that no fusion's work is lost."""
        asked = columns_of(decoder.asks)
        mask = fused.mask.clone() if asked else fused.mask
        for name in asked:
            mask[:, fused.place(name)] = False
        if decoder.reads == "tokens":
            return cls(fused.tokens, mask)
        first = fused.pooled.unsqueeze(1)
        real = torch.ones_like(mask[:, :1])
        return cls(torch.cat([first, fused.tokens], 1), torch.cat([real, mask], 1))


class Writer(nn.Module):
    """A decoder and the target that it writes.

    Args:
        target: the column.
        step: its fitted step.
        width: of what the decoder looks at.
        judge: the family of scores.
        decoder: what writes; it is set up here. None takes a small Transformer.
        sampling: how it writes when asked for nothing else; None takes the best token each time.
        teaching: how it is taught; None is ``Teaching()``.

    Errors:
        PartError: the target is not text.
    """

    def __init__(
        self,
        target: str,
        step: Step,
        width: int,
        judge: str,
        decoder: Decoder | None = None,
        sampling: Sampling | None = None,
        teaching: Teaching | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(step, WrittenStep):
            msg = (
                f"target {target!r} is {step.kind}, and words are to be written: override its "
                f"kind, kinds={{{target!r}: Text()}} (--kind {target}=text)"
            )
            raise PartError(msg)
        self.target = target
        if decoder is not None and not isinstance(decoder, Decoder):
            msg = f"decoder= takes a decoder, such as decoders.TextDecoder(), found {decoder!r}"
            raise PartError(msg)
        self.decoder = decoder or TextDecoder()
        self.decoder.setup(width, step.layout)
        self.head = WordsHead(step.tokens, judge)
        self.heads = {target: self.head}
        self.sampling = check_sampling(sampling) or Sampling()
        self.teaching = teaching or Teaching()
        self.rare: Cider | None = None
        self.asked = columns_of(self.decoder.asks)

    def forward(self, fused: Fused, batch: Batch) -> Features:
        """Score every token of the true texts; in self-critical training, of drawn ones too."""
        memory, column = Memory.of(fused, self.decoder), batch.columns[self.target]
        asked = {name: words_of(name, batch, fused) for name in self.asked}
        prompts = self._prompts(asked, len(memory.tokens))
        there = column.mask & column.present[:, None]
        said = torch.where(there, column.values, self.decoder.end)
        if self.training and self.teaching.own:
            said = self._own(memory, prompts, said)
        outputs = {self.target: self._scores(memory, prompts, said)}
        if self.training and self.teaching.self_critical:
            outputs |= self._drawn(memory, prompts)
        return Features(fused, outputs, texts=asked)

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Give the loss of the true texts, and of drawn ones where there are any."""
        column = batch.columns[self.target]
        truth = self._truth(column)
        losses = {self.target: self._plain(features.outputs[self.target], truth)}
        if self._key(DRAWN) in features.outputs:
            kept = 1 - self.teaching.self_critical
            losses[self.target] = kept * losses[self.target]
            critic = self.teaching.self_critical * self._critic(features, column)
            losses[f"{self.target}/score"] = critic
        return losses

    def study(self, texts: Mapping[str, Sequence[tuple[str, ...]]]) -> None:
        """Learn from all texts of the training rows which words are rare.

        Errors:
            ExtraError: what judges the texts is not installed; better said now than in the end.
        """
        judged(self.head.judge, ("a",), (("a",),))
        if self.teaching.self_critical and self.head.judge == "caption":
            known = [row for row in texts[self.target] if row]
            self.rare = Cider.fit([[caption_tokens(text) for text in row] for row in known])

    def write(
        self, features: Features, sampling: Sampling | None = None, prefix: str = ""
    ) -> list[list[Draft]]:
        """Write the candidates of each row, best first; of a sound that is not there, nothing."""
        memory = Memory.of(features.fused, self.decoder)
        given = self._given(features, prefix)
        chosen = check_sampling(sampling) or self.sampling
        found = write(self.decoder, memory.tokens, memory.mask, chosen, given)
        rows = zip(found, self._something(features.fused), strict=True)
        return [row if there else [Draft((), (), ended=True)] for row, there in rows]

    def stream(
        self, features: Features, sampling: Sampling | None = None, prefix: str = ""
    ) -> Iterator[str]:
        """Write the text of one row; gives it as far as it is settled, after each token."""
        if not all(self._something(features.fused)):
            return
        memory = Memory.of(features.fused, self.decoder)
        given = self._given(features, prefix)
        chosen = check_sampling(sampling) or replace(self.sampling, beams=1, candidates=1)
        for (ids,) in stream(self.decoder, memory.tokens, memory.mask, chosen, given):
            yield self.head.text(ids, prefix)

    def _something(self, fused: Fused) -> list[bool]:
        """Tell the rows that there is something to write of: all, but for what is heard."""
        if not self.head.judge.endswith("speech"):
            return [True] * len(fused.pooled)
        looked_at = [own for name, own in fused.present.items() if name not in self.asked]
        there: list[bool] = torch.stack(looked_at).any(0).tolist()
        return there

    def attention(self, fused: Fused, ids: Sequence[int]) -> Tensor | None:
        """Give how much each token of a row's text looked at each step, Float[steps time]."""
        memory = Memory.of(fused, self.decoder)
        begin = self.decoder.begins(memory.tokens, memory.mask)
        own = torch.tensor([list(ids)], dtype=torch.long, device=begin.device)
        tokens = torch.cat([begin, own], 1)
        found = self.decoder.attention(memory.tokens, memory.mask, tokens)
        if found is None:
            return None
        first = len(self.decoder.begin) - 1
        seen = 1 if self.decoder.reads == "all" else 0
        return found[0, first : first + len(ids), seen:]

    def decided(self, features: Features) -> dict[str, Array]:
        """Write each row's text."""
        drafts = self.write(features)
        return {self.target: as_rows(self.head.tokens.text(row[0].ids) for row in drafts)}

    def predict(self, features: Features) -> list[Any]:
        """Write each row's text."""
        return self.head.answers(self.decided(features)[self.target])

    def _prompts(self, asked: Mapping[str, Words], rows: int) -> list[list[int]]:
        """Number the prompt of each row, filled with its own words."""
        if not self.asked:
            return [[]] * rows
        cells = [{name: " ".join(asked[name][row]) for name in self.asked} for row in range(rows)]
        return self.head.tokens.bare([filled(self.decoder.asks, own) for own in cells])

    def _given(self, features: Features, prefix: str) -> Int[Tensor, " batch steps"]:
        """Give what stands before each row's text: its prompt, and the prefix for all."""
        fused, ids = features.fused, self.head.given(prefix)
        prompts = self._prompts(features.texts, len(fused.pooled))
        return padded([[*own, *ids] for own in prompts], -1).to(fused.pooled.device)

    def _truth(self, column: Column) -> Column:
        """Give what the decoder is to say, its end last."""
        there = column.mask & column.present[:, None]
        values, lengths = torch.where(there, column.values, self.decoder.end), there.sum(1)
        last = values.new_full((len(values), 1), self.decoder.end)
        steps = torch.arange(values.shape[1] + 1, device=values.device)
        said = torch.cat([values, last], 1)
        return Column(said, steps <= lengths[:, None], column.present)

    def _scores(
        self, memory: Memory, prompts: Sequence[Sequence[int]], said: Int[Tensor, " batch steps"]
    ) -> Float[Tensor, " batch ends vocabulary"]:
        """Score each token of texts, and what follows the last, behind marks and prompts.

        Args:
            memory: what is looked at.
            prompts: the ids of each row's prompt.
            said: the texts, filled up with ends.
        """
        marks, end = self.decoder.begin, self.decoder.end
        begins = padded([[*marks, *own] for own in prompts], end, len(marks)).to(said)
        if not self.asked:
            read = torch.cat([begins, said], 1)
            scores: Tensor = self.decoder(memory.tokens, memory.mask, read)[:, len(marks) - 1 :]
            return scores
        lengths = said.new_tensor([[len(marks) + len(own)] for own in prompts])
        steps = torch.arange(said.shape[1] + 1, device=said.device)
        read = F.pad(begins, (0, said.shape[1]), value=end).scatter(1, lengths + steps[:-1], said)
        last = int((lengths[:, 0] + (said != end).sum(1)).max())
        scores = self.decoder(memory.tokens, memory.mask, read[:, :last])
        places = (lengths - 1 + steps).clamp(max=last - 1)
        return scores.gather(1, places[..., None].expand(-1, -1, scores.shape[2]))

    def _plain(self, logits: Tensor, truth: Column) -> Tensor:
        losses = token_losses(logits, truth.values, self.teaching.smoothing)
        real = (truth.mask & truth.present[:, None]).to(losses.dtype)
        return (losses * real).sum() / real.sum().clamp(min=1)

    def _own(self, memory: Memory, prompts: Sequence[Sequence[int]], said: Tensor) -> Tensor:
        """Put the decoder's own choices in place of some tokens (Mihaylova and Martins 2019)."""
        with torch.no_grad():
            own = self._scores(memory, prompts, said)[:, :-1].argmax(2)
        chosen = torch.rand(own.shape, device=own.device) < self.teaching.own
        # What stands behind a text stays as it is, and no text ends before its end.
        chosen &= (said != self.decoder.end) & (own != self.decoder.end)
        return torch.where(chosen, own, said)

    def _key(self, name: str) -> str:
        return f"{self.target}/{name}"

    def _drawn(self, memory: Memory, prompts: Sequence[Sequence[int]]) -> dict[str, Tensor]:
        """Draw a text a row, and write the best one, the baseline (Rennie et al. 2017)."""
        noise = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
        was_training = self.training
        self.eval()
        seen = (self.decoder, memory.tokens, memory.mask)
        given = padded(prompts, -1).to(memory.tokens.device)
        draws = write(*seen, Sampling(temperature=1.0), given, noise)
        best = write(*seen, prefix=given)
        self.train(was_training)
        drawn, plain = (self._ids([row[0] for row in rows], memory) for rows in (draws, best))
        said = torch.where(drawn < 0, self.decoder.end, drawn)
        return {
            self._key(DRAWN): self._scores(memory, prompts, said[:, :-1]),
            self._key(f"{DRAWN} ids"): drawn,
            self._key(f"{PLAIN} ids"): plain,
        }

    def _ids(self, drafts: Sequence[Draft], memory: Memory) -> Int[Tensor, " batch steps"]:
        """Lay drafts side by side with their ends, padded with -1."""
        rows = [[*d.ids, *([self.decoder.end] if d.ended else [])] for d in drafts]
        return padded(rows, -1, least=1).to(memory.tokens.device)

    def _critic(self, features: Features, column: Column) -> Tensor:
        """Raise the probability of draws that score above the best text, lower that of others."""
        logits = features.outputs[self._key(DRAWN)]
        ids = features.outputs[self._key(f"{DRAWN} ids")]
        gains = self._rewards(ids, column) - self._rewards(
            features.outputs[self._key(f"{PLAIN} ids")], column
        )
        losses = token_losses(logits, ids.clamp(min=0)) * (ids >= 0)
        kept = column.present.to(losses.dtype)
        each = (gains.to(losses) * losses.sum(1) * kept).sum()
        return each / ((ids >= 0).sum(1) * kept).sum().clamp(min=1)

    def _rewards(self, ids: Tensor, column: Column) -> Tensor:
        rows = [[i for i in row if i not in (-1, self.decoder.end)] for row in ids.tolist()]
        texts = [self.head.tokens.text(row) for row in rows]
        truth = self.head.truth(column).tolist()
        known = [row for row, right in enumerate(truth) if right]
        found = torch.zeros(len(texts), dtype=torch.float64)
        if known:
            said, right = [texts[r] for r in known], [truth[r] for r in known]
            found[known] = torch.from_numpy(self._judge(said, right))
        return found

    def _judge(self, texts: Sequence[str], references: Sequence[tuple[str, ...]]) -> Array:
        if self.rare is not None:
            words = [caption_tokens(text) for text in texts]
            return self.rare(words, [[caption_tokens(t) for t in row] for row in references])
        return -self.head.errors(as_rows(references), as_rows(texts))


def padded(
    rows: Sequence[Sequence[int]], filler: int, least: int = 0
) -> Int[Tensor, " rows steps"]:
    """Lay ids side by side, at least so many steps, filled up behind."""
    longest = max(map(len, rows), default=0)
    wide = max(least, longest)
    whole = [[*row, *[filler] * (wide - len(row))] for row in rows]
    return torch.tensor(whole, dtype=torch.int64).reshape(len(rows), wide)


def writers_of(task: nn.Module) -> dict[str, Writer]:
    """Find what writes in a task, by target."""
    return {part.target: part for part in task.modules() if isinstance(part, Writer)}
