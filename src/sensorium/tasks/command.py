"""Command: what is wanted, with which things, from speech or text; or that it is out of scope."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from sensorium.core.batch import Batch, Features, Fused
from sensorium.core.errors import PartError, all_at_once, nearest
from sensorium.core.schema import Category, Field, Spans
from sensorium.preprocess.spans import Slots
from sensorium.preprocess.step import Step
from sensorium.tasks.class_head import ClassHead
from sensorium.tasks.classes import below_zero, classes_of
from sensorium.tasks.head import Array, Head
from sensorium.tasks.heads import Heads
from sensorium.tasks.scope_head import ScopeHead
from sensorium.tasks.span_tagger import SpanTagger
from sensorium.tasks.task import Task


class Command(Task):
    """Understand a command: its intent, its slots, and whether it is one at all.

    An answer is ``{"intent": ..., "slots": {...}, "confidence": ...}``. Where the confidence, the
    probability of the best intent, lies below a threshold, the intent is None and there are no
    slots. The threshold is chosen on validation rows: so that the mean of in-scope accuracy and
    out-of-scope recall is highest, where some of them are out of scope; else so that a share
    ``kept`` of the right answers is given. Before that everything is answered.

    Args:
        intent: a column of kind category or flag.
        slots: a column of kind spans, which lie in an input text; or columns of kind category,
            one a slot, which need no text.
        text: the input column in which the spans lie; None takes what the field of ``slots``
            says, or the only input of text.
        outside: the class of the rows that are out of scope; a class that no training row has is
            out of scope, too.
        kept: where no validation row is out of scope, the share of right answers that are given.
        label_smoothing: share of the truth of the intent that is spread evenly over all of them,
            0..1; it keeps the confidence in what was never met low.
        auxiliary: weight of the loss of each part alone; 0 does without.

    Errors:
        PartError: options that cannot be; in ``setup``, targets or a text that do not fit.
    """

    def __init__(
        self,
        intent: str,
        slots: str | Sequence[str] | None = None,
        text: str | None = None,
        outside: str | None = None,
        *,
        kept: float = 0.95,
        label_smoothing: float = 0.1,
        auxiliary: float = 0.3,
    ) -> None:
        super().__init__()
        self.intent = intent
        self.slots = slots if slots is None or isinstance(slots, str) else tuple(slots)
        self.text = text
        self.outside = outside
        self.kept = kept
        self.label_smoothing = label_smoothing
        self.auxiliary = auxiliary
        self._named = () if isinstance(self.slots, str) else self.slots or ()
        self.targets = (intent, *([slots] if isinstance(slots, str) else self._named))
        self.wanted = dict.fromkeys((intent, *self._named), Category)
        if isinstance(slots, str):
            self.wanted[slots] = Spans
        faults = below_zero({"auxiliary": auxiliary})
        if not 0 < kept <= 1:
            faults.append(f"kept is a share above 0, found {kept}")
        if not 0 <= label_smoothing < 1:
            faults.append(f"label_smoothing must lie in 0..1, found {label_smoothing}")
        repeated = sorted({t for t in self.targets if self.targets.count(t) > 1})
        faults += [f"{target!r} is named twice" for target in repeated]
        if text is not None and not isinstance(slots, str):
            faults.append(f"text={text!r} is for slots that are spans of it: slots='...'")
        if faults:
            raise PartError(all_at_once(f"Command({intent!r}) cannot be:", faults))

    def setup(self, width: int, names: Sequence[str], steps: Mapping[str, Step]) -> None:
        """Make a head for the intent, and one a slot or tags for spans."""
        labels = classes_of(self.intent, steps[self.intent])
        known = list(map(str, labels))
        if self.outside is not None and self.outside not in known:
            msg = f"no training row of {self.intent!r} is {self.outside!r}"
            raise PartError(f"{msg}{nearest(self.outside, known)}")
        judge = ScopeHead(
            width, len(names), labels,
            outside=self.outside, kept=self.kept, smoothing=self.label_smoothing,
        )  # fmt: skip
        each: dict[str, Head] = {self.intent: judge}
        for slot in self._named:
            each[slot] = ClassHead(width, len(names), classes_of(slot, steps[slot]))
        self.classes = Heads(each, names, self.auxiliary)
        self.heads = dict(self.classes)
        self.tagger: SpanTagger | None = None
        if isinstance(self.slots, str):
            self.tagger = SpanTagger(self.slots, self.text, width, names, steps)
            self.heads |= self.tagger.heads
            self.reads = self.needs = (self.tagger.text,)

    def suited(self, target: str, field: Field) -> Field:
        """Say in which text the spans lie."""
        if target == self.slots and isinstance(field, Spans) and self.text and not field.text:
            return replace(field, text=self.text)
        return field

    def forward(self, fused: Fused, batch: Batch) -> Features:
        """Compute logits of the intent and of each slot, or of each token's tag."""
        named: Features = self.classes(fused)
        if self.tagger is None:
            return named
        tagged: Features = self.tagger(fused, batch)
        return replace(named, outputs={**named.outputs, **tagged.outputs}, texts=tagged.texts)

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Give the cross entropy of intent and slots."""
        losses = self.classes.losses(features, batch)
        return losses | (self.tagger.loss(features, batch) if self.tagger else {})

    def decided(self, features: Features) -> dict[str, Array]:
        """Give probabilities of intent and slots, and spans."""
        named = {t: head.decide(features.outputs[t]) for t, head in self.classes.items()}
        return named | (self.tagger.decided(features) if self.tagger else {})

    def predict(self, features: Features) -> list[Any]:
        """Give each row's intent, slots and confidence."""
        decided = self.decided(features)
        chances, judge = decided[self.intent], self.classes[self.intent]
        assert isinstance(judge, ScopeHead)  # noqa: S101  setup made it
        sure = judge.confidence(chances)
        rows = zip(judge.answers(chances), self._slots(decided), sure, strict=True)
        return [
            {
                "intent": intent,
                "slots": {} if intent is None else slots,
                "confidence": float(confidence),
            }
            for intent, slots, confidence in rows
        ]

    def _slots(self, decided: Mapping[str, Array]) -> list[dict[str, Any]]:
        if self.tagger is not None:
            return [by_label(slots) for slots in decided[self.tagger.target]]
        each = {slot: self.classes[slot].answers(decided[slot]) for slot in self._named}
        count = len(decided[self.intent])
        return [{slot: answers[row] for slot, answers in each.items()} for row in range(count)]


def by_label(slots: Slots) -> dict[str, Any]:
    """Give the words by label; a list of them where a label occurs more than once."""
    found: dict[str, list[str]] = {}
    for slot in slots:
        found.setdefault(slot.label, []).append(slot.text)
    return {label: words[0] if len(words) == 1 else words for label, words in found.items()}
