"""Tasks that end in words: Caption, Describe and Answer."""

from collections.abc import Mapping, Sequence

from sensorium.core.schema import Text
from sensorium.decoders import Decoder, Sampling
from sensorium.preprocess.step import Step
from sensorium.tasks.label import Classify
from sensorium.tasks.reading import asked_of
from sensorium.tasks.task import Task
from sensorium.tasks.teaching import Teaching
from sensorium.tasks.writer import Writer

BEAMS = 4
"""Of so many beginnings the best caption is taken, where nothing else is said."""


class Caption(Task):
    """Describe what a row shows: a picture, a sound, a signal, or several at once.

    A row may have several right texts: a list, of which training takes one each time in turn, and
    by all of which captions are judged.

    Args:
        target: a column of texts.
        decoder: what writes; None takes a small Transformer.
        sampling: how it writes; None follows four beams.
        teaching: how the decoder is taught; None is ``Teaching()``.

    Errors:
        PartError: in ``setup``, a target that is not text.
    """

    decoder: Decoder | None

    def __init__(
        self,
        target: str,
        *,
        decoder: Decoder | None = None,
        sampling: Sampling | None = None,
        teaching: Teaching | None = None,
    ) -> None:
        super().__init__()
        self.target = target
        self.targets = (target,)
        self.wanted = {target: Text}
        self.__dict__["decoder"] = decoder  # the body holds its weights
        self.sampling = sampling
        self.teaching = teaching

    def setup(self, width: int, names: Sequence[str], steps: Mapping[str, Step]) -> None:
        """Set the decoder up."""
        step, sampling = steps[self.target], self.sampling or Sampling(beams=BEAMS)
        self.body = Writer(
            self.target, step, width, "caption", self.decoder, sampling, self.teaching
        )
        self.heads = self.body.heads
        self.reads = self.needs = asked_of("Caption", self.body.decoder, names, steps)


class Describe(Task):
    """Write a text about rows of any columns: a note, a summary, a translation.

    Args:
        target: a column of texts.
        decoder, teaching: as in ``Caption``.
        sampling: how it writes; None takes the most probable token each time.

    Errors:
        PartError: in ``setup``, a target that is not text.
    """

    decoder: Decoder | None

    def __init__(
        self,
        target: str,
        *,
        decoder: Decoder | None = None,
        sampling: Sampling | None = None,
        teaching: Teaching | None = None,
    ) -> None:
        super().__init__()
        self.target = target
        self.targets = (target,)
        self.wanted = {target: Text}
        self.__dict__["decoder"] = decoder  # the body holds its weights
        self.sampling = sampling
        self.teaching = teaching

    def setup(self, width: int, names: Sequence[str], steps: Mapping[str, Step]) -> None:
        """Set the decoder up."""
        step = steps[self.target]
        self.body = Writer(
            self.target, step, width, "text", self.decoder, self.sampling, self.teaching
        )
        self.heads = self.body.heads
        self.reads = self.needs = asked_of("Describe", self.body.decoder, names, steps)


class Answer(Task):
    """Answer questions about the other columns: pictures, sounds, tables, or several at once.

    Where the target is a category, the answer is one of a closed set; where it is text, it is
    written. A row may have several right texts, as in VQA sets with ten answers a question.

    Args:
        target: the column of answers.
        free: whether answers are written, whatever the target looks like; False leaves it to the
            kind of the target.
        decoder, sampling, teaching: as in ``Describe``, for answers that are written.

    Errors:
        PartError: in ``setup``, a target that has no classes and is not text.
    """

    decoder: Decoder | None

    def __init__(
        self,
        target: str,
        *,
        free: bool = False,
        decoder: Decoder | None = None,
        sampling: Sampling | None = None,
        teaching: Teaching | None = None,
    ) -> None:
        super().__init__()
        self.target = target
        self.targets = (target,)
        self.wanted = {target: Text} if free else {}
        self.free = free
        self.__dict__["decoder"] = decoder  # the body holds its weights
        self.sampling = sampling
        self.teaching = teaching

    def setup(self, width: int, names: Sequence[str], steps: Mapping[str, Step]) -> None:
        """Set the decoder up, or a head with one output a class."""
        step = steps[self.target]
        self.body: Writer | Classify
        if self.free or step.kind == "text":
            self.body = Writer(
                self.target, step, width, "answer", self.decoder, self.sampling, self.teaching
            )
            self.reads = self.needs = asked_of("Answer", self.body.decoder, names, steps)
        else:
            self.body = Classify(self.target)
            self.body.setup(width, names, steps)
        self.__dict__["heads"] = self.body.heads  # the body holds their weights
