"""Transcribe: write down what is said, by CTC, by a decoder that attends, or by both."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from sensorium.core.batch import Batch, Features, Fused
from sensorium.core.errors import PartError, all_at_once
from sensorium.core.schema import Text
from sensorium.decoders import Decoder, Sampling
from sensorium.preprocess.step import Step
from sensorium.preprocess.written import WrittenStep
from sensorium.tasks.head import Array, as_rows
from sensorium.tasks.language import Language
from sensorium.tasks.listener import Listener
from sensorium.tasks.reading import asked_of
from sensorium.tasks.task import Task
from sensorium.tasks.teaching import Teaching
from sensorium.tasks.writer import Writer

Kind = Literal["ctc", "attention", "both"]
HEARD = 0.3
"""Of both, the share of CTC's loss, which is usual (Watanabe et al. 2017)."""


class Transcribe(Task):
    """Write down what is said.

    CTC reads the steps of one column of sound in their order, needs few rows and tells when each
    word was said; a decoder that attends writes better where there are many rows. A row without
    its sound has the empty transcript: nothing is made up.

    Args:
        target: a column of texts.
        kind: ``"ctc"``, ``"attention"``, or ``"both"``, where CTC steadies the learning and the
            decoder writes.
        beams: of CTC, how many beginnings are followed; 1 takes the best at each step.
        words: of CTC with beams, the only words that can be heard; () allows any.
        language: of CTC with beams, what tells how probable a text is as such, by n-grams:
            ``"rows"`` learns it from the transcripts of the training rows; else a file to learn
            from, one sentence a line, or to read (ARPA). It is saved with the model. None does
            without.
        language_weight: how much the language counts beside what was heard.
        decoder, sampling, teaching: as in ``Describe``, for the decoder that attends.

    Errors:
        PartError: options that cannot be; in ``setup``, a target that is not text, or CTC over
            several columns.
    """

    decoder: Decoder | None

    def __init__(  # noqa: PLR0913  what listens and what writes have their options side by side
        self,
        target: str,
        *,
        kind: Kind = "ctc",
        beams: int = 1,
        words: Sequence[str] = (),
        language: str | None = None,
        language_weight: float = 0.5,
        decoder: Decoder | None = None,
        sampling: Sampling | None = None,
        teaching: Teaching | None = None,
    ) -> None:
        super().__init__()
        self.target = target
        self.targets = (target,)
        self.wanted = {target: Text}
        self.kind = kind
        self.beams = beams
        self.words = tuple(words)
        self.language = language
        self.language_weight = language_weight
        self._known: Mapping[str, Any] = {}  # what a saved model says of the language
        self.__dict__["decoder"] = decoder  # the body holds its weights
        self.sampling = sampling
        self.teaching = teaching
        if faults := list(self._faults()):
            raise PartError(all_at_once(f"Transcribe({target!r}) cannot be:", faults))

    def _faults(self) -> Iterator[str]:
        if self.kind not in get_args(Kind):
            yield f"kind is 'ctc', 'attention' or 'both', found {self.kind!r}"
        if self.beams < 1:
            yield f"beams must be at least 1, found {self.beams}"
        for go, given in (("words go", self.words), ("language goes", self.language)):
            if given and (self.beams == 1 or self.kind != "ctc"):
                yield f"{go} with kind='ctc' and beams above 1"
        if self.language_weight < 0:
            yield f"language_weight is at least 0, found {self.language_weight}"
        if self.beams > 1 and self.kind != "ctc":
            yield "beams are for kind='ctc'; else give sampling=Sampling(beams=...)"
        own = (self.decoder, self.sampling, self.teaching)
        if self.kind == "ctc" and any(part is not None for part in own):
            yield "decoder, sampling and teaching go with kind='attention' or 'both'"

    def setup(self, width: int, names: Sequence[str], steps: Mapping[str, Step]) -> None:
        """Set up what listens and what writes."""
        target, step = self.target, steps[self.target]
        if not isinstance(step, WrittenStep):
            msg = f"target {target!r} is {step.kind}, a transcript is text: --kind {target}=text"
            raise PartError(msg)
        judge = "chinese speech" if step.chinese else "speech"
        if self.kind != "attention" and len(names) > 1:
            msg = f"CTC reads one column in its order, found {list(names)}: kind='attention'"
            raise PartError(msg)
        listens = Listener(target, names[0], step, width, judge, self.beams, self.words)
        if self.language is not None:
            listens.believe(Language(self.language, step, self._known), self.language_weight)
        if self.kind == "ctc":
            self.body = listens
        else:
            own = (self.decoder, self.sampling, self.teaching)
            writer = Writer(target, step, width, judge, *own)
            self.reads = self.needs = asked_of("Transcribe", writer.decoder, names, steps)
            self.body = _Both(listens, writer) if self.kind == "both" else writer
        self.heads = self.body.heads

    def state(self) -> Mapping[str, Any]:
        """Give what the language is made of, or what a decoder was read from."""
        if isinstance(self.body, Listener) and self.body.language is not None:
            return {"language": self.body.language.state()}
        return super().state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take it back, before ``setup``; weights will follow."""
        self._known = state.get("language", {})
        super().restore(state)

    def decided(self, features: Features) -> dict[str, Array]:
        """Write what was heard; nothing where there was nothing to hear."""
        found = self.body.decided(features)[self.target]
        there = torch.stack(list(features.fused.present.values())).any(0).tolist()
        texts = (text if real else "" for text, real in zip(found, there, strict=True))
        return {self.target: as_rows(texts)}

    def predict(self, features: Features) -> list[Any]:
        """Write each row's transcript."""
        return [str(text) for text in self.decided(features)[self.target]]


class _Both(nn.Module):
    """A listener that steadies the learning, and a writer that writes."""

    def __init__(self, listener: Listener, writer: Writer) -> None:
        super().__init__()
        self.listener = listener
        self.writer = writer
        self.heads = writer.heads

    def forward(self, fused: Fused, batch: Batch) -> Features:
        written, heard = self.writer(fused, batch), self.listener(fused, batch)
        return Features(fused, {**written.outputs, **heard.outputs}, texts=written.texts)

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        written = self.writer.loss(features, batch)
        (heard,) = self.listener.loss(features, batch).values()
        shares = {name: (1 - HEARD) * loss for name, loss in written.items()}
        return {**shares, self.listener.key: HEARD * heard}

    def decided(self, features: Features) -> dict[str, Array]:
        return self.writer.decided(features)

    def predict(self, features: Features) -> list[Any]:
        return self.writer.predict(features)

    def study(self, texts: Mapping[str, Sequence[tuple[str, ...]]]) -> None:
        self.writer.study(texts)
