"""Extract: labelled spans of a text, such as names in a sentence or the slots of a command."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sensorium.core.schema import Field, Spans
from sensorium.preprocess.step import Step
from sensorium.tasks.span_tagger import SpanTagger
from sensorium.tasks.task import Task


class Extract(Task):
    """Find labelled spans in a text; the other columns help.

    The encoder of the text must give one token for each of the tokenizer's: ``TextTransformer``,
    ``TextLSTM``, ``TextCNN``, or ``Pretrained(..., pool="none")``.

    Args:
        target: a column of kind spans.
        text: the input column in which they lie; None takes what the target's field says, or the
            only input of text.

    Errors:
        PartError: in ``setup``, a target without spans, or a text that is no input; in use, an
            encoder that gives one token a text.
    """

    def __init__(self, target: str, text: str | None = None) -> None:
        super().__init__()
        self.target = target
        self.text = text
        self.targets = (target,)
        self.wanted = {target: Spans}

    def setup(self, width: int, names: Sequence[str], steps: Mapping[str, Step]) -> None:
        """Make the tags' layers."""
        self.body = SpanTagger(self.target, self.text, width, names, steps)
        self.heads = self.body.heads
        self.reads = self.needs = (self.body.text,)

    def suited(self, target: str, field: Field) -> Field:  # noqa: ARG002  it has one target
        """Say in which text the spans lie."""
        if isinstance(field, Spans) and self.text and not field.text:
            return replace(field, text=self.text)
        return field
