"""Transcribe: write down what is said, by CTC, by a decoder that attends, or by both."""

from collections.abc import Mapping, Sequence
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
from sensorium.tasks.listener import Listener
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
        decoder, sampling, teaching: as in ``Describe``, for the decoder that attends.

    Errors:
        PartError: options that cannot be; in ``setup``, a target that is not text, or CTC over
            several columns.
    """

    decoder: Decoder | None

    def __init__(
        self,
        target: str,
        *,
        kind: Kind = "ctc",
        beams: int = 1,
        words: Sequence[str] = (),
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
        self.__dict__["decoder"] = decoder  # the body holds its weights
        self.sampling = sampling
        self.teaching = teaching
        faults = []
        if kind not in get_args(Kind):
            faults.append(f"kind is 'ctc', 'attention' or 'both', found {kind!r}")
        if beams < 1:
            faults.append(f"beams must be at least 1, found {beams}")
        if words and (beams == 1 or kind != "ctc"):
            faults.append("words go with kind='ctc' and beams above 1")
        if beams > 1 and kind != "ctc":
            faults.append("beams are for kind='ctc'; else give sampling=Sampling(beams=...)")
        if kind == "ctc" and any(part is not None for part in (decoder, sampling, teaching)):
            faults.append("decoder, sampling and teaching go with kind='attention' or 'both'")
        if faults:
            raise PartError(all_at_once(f"Transcribe({target!r}) cannot be:", faults))

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
        listens = Listener(target, step, width, judge, self.beams, self.words)
        if self.kind == "ctc":
            self.body = listens
        else:
            own = (self.decoder, self.sampling, self.teaching)
            writer = Writer(target, step, width, judge, *own)
            self.body = _Both(listens, writer) if self.kind == "both" else writer
        self.heads = self.body.heads

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
        return Features(fused, {**written.outputs, **heard.outputs})

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
