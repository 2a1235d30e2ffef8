"""Fields and schemas: what kind each column is. Light: knows neither torch nor tables.

Options carry their unit in their names or here: ``size`` px, ``rate`` Hz, ``seconds``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from sensorium.core.describe import describe
from sensorium.core.errors import SchemaError, all_at_once


@dataclass(frozen=True, slots=True)
class Field:
    """What kind a column is, and how its cells are prepared. Abstract: use one of the kinds."""

    kind: ClassVar[str] = ""
    media: ClassVar[bool] = False
    """Whether a cell may name a file."""

    def __post_init__(self) -> None:
        if type(self) is Field:
            msg = "Field is abstract; use Text, Image, Audio, Number, Category, Flag, Date, ..."
            raise SchemaError(msg)
        if faults := self._faults():
            raise SchemaError(all_at_once(f"{type(self).__name__} cannot be:", faults))

    def _faults(self) -> list[str]:
        return []

    def _at_least(self, least: float, *names: str) -> list[str]:
        return [
            f"{name} must be at least {least}, found {getattr(self, name)}"
            for name in names
            if getattr(self, name) < least
        ]


@dataclass(frozen=True, slots=True)
class Text(Field):
    """Words.

    Attributes:
        max_tokens: longer texts are cut after this many tokens (and counted in the ledger).
        tokenizer: ``"bpe"`` trains byte-level BPE on the training rows; ``"words"`` splits words
            (with jieba where the text is Chinese); ``"characters"`` takes each by itself, which
            suits n-grams of names and of Chinese; a folder or file of a Hugging Face tokenizer
            uses that one.
        vocabulary: the most tokens that training may learn.
        lowercase: fold upper and lower case.
        stop_words: words left out (with ``tokenizer="words"``).
        prefix: put before every text, as some pretrained encoders ask for (``"query: "``).
    """

    kind: ClassVar[str] = "text"
    max_tokens: int = 128
    tokenizer: str = "bpe"
    vocabulary: int = 8_000
    lowercase: bool = False
    stop_words: tuple[str, ...] = ()
    prefix: str = ""

    def _faults(self) -> list[str]:
        return self._at_least(1, "max_tokens") + self._at_least(300, "vocabulary")


@dataclass(frozen=True, slots=True)
class Image(Field):
    """Pictures.

    Attributes:
        size: side of the square that the model sees, px.
        channels: 3 for colour, 1 for grey.
        fit: ``"crop"`` scales the short side and cuts the middle out; ``"pad"`` scales the long
            side and fills up; ``"stretch"`` ignores the shape.
        max_pixels: a picture whose header declares more is refused before it is decoded.
    """

    kind: ClassVar[str] = "image"
    media: ClassVar[bool] = True
    size: int = 64
    channels: int = 3
    fit: Literal["crop", "pad", "stretch"] = "crop"
    max_pixels: int = 100_000_000

    def _faults(self) -> list[str]:
        faults = self._at_least(8, "size") + self._at_least(1, "max_pixels")
        if self.channels not in (1, 3):
            faults.append(f"channels must be 1 or 3, found {self.channels}")
        if self.fit not in ("crop", "pad", "stretch"):
            faults.append(f"fit must be 'crop', 'pad' or 'stretch', found {self.fit!r}")
        return faults


@dataclass(frozen=True, slots=True)
class Audio(Field):
    """Sounds, mixed down to one channel.

    Attributes:
        rate: samples a second that the model hears, Hz.
        seconds: longer sounds are cut to their middle.
        max_seconds: a sound whose header declares more is refused before it is decoded.
        whole: for speech that is to be written down: sounds longer than ``seconds`` are refused
            and not cut, and so are silent ones, in which nothing is said.
    """

    kind: ClassVar[str] = "audio"
    media: ClassVar[bool] = True
    rate: int = 16_000
    seconds: float = 4.0
    max_seconds: float = 3_600.0
    whole: bool = False

    def _faults(self) -> list[str]:
        return self._at_least(1_000, "rate") + self._at_least(0.01, "seconds", "max_seconds")


@dataclass(frozen=True, slots=True)
class Number(Field):
    """A number.

    Attributes:
        scaling: ``"standard"`` subtracts the mean and divides by the deviation; ``"quantile"``
            maps the training distribution to a normal one, ``"log"`` takes log(1 + x) first (for
            prices, counts and other long-tailed amounts); ``"none"`` leaves it.
    """

    kind: ClassVar[str] = "number"
    scaling: Literal["standard", "quantile", "log", "none"] = "standard"

    def _faults(self) -> list[str]:
        if self.scaling not in ("standard", "quantile", "log", "none"):
            return [f"scaling must be standard, quantile, log or none, found {self.scaling!r}"]
        return []


@dataclass(frozen=True, slots=True)
class Category(Field):
    """One of a few names; or, with ``many``, any number of them.

    Attributes:
        many: a cell holds several names, as a list or joined by ``separator``.
        separator: what joins the names of one cell.
        least: a name seen in fewer training rows counts as unknown (inputs only).
        whole: the names are whole numbers, and answers are given as such (targets only).
    """

    kind: ClassVar[str] = "category"
    many: bool = False
    separator: str = "|"
    least: int = 1
    whole: bool = False

    def _faults(self) -> list[str]:
        return self._at_least(1, "least")


@dataclass(frozen=True, slots=True)
class Flag(Field):
    """Yes or no (true/false, yes/no, 1/0, in any case)."""

    kind: ClassVar[str] = "flag"


@dataclass(frozen=True, slots=True)
class Date(Field):
    """A date, or a date and time, as ISO 8601 text or an Arrow/pandas/Python date.

    Attributes:
        form: a ``strptime`` form for cells that are not ISO 8601.
        trend: whether the model sees how far the date lies from the training rows' mean, too; a
            model for later rows learns more safely without.
    """

    kind: ClassVar[str] = "date"
    form: str = ""
    trend: bool = True


@dataclass(frozen=True, slots=True)
class Series(Field):
    """A signal over time with one or more channels: a list, a list of lists, or a ``.npy`` file.

    Attributes:
        max_steps: longer signals are averaged down to this many steps.
    """

    kind: ClassVar[str] = "series"
    media: ClassVar[bool] = True
    max_steps: int = 1_024

    def _faults(self) -> list[str]:
        return self._at_least(1, "max_steps")


@dataclass(frozen=True, slots=True)
class Vector(Field):
    """A fixed number of numbers: features that were computed elsewhere."""

    kind: ClassVar[str] = "vector"


@dataclass(frozen=True, slots=True)
class Spans(Field):
    """Labelled stretches of a text, such as the slots of a command. Targets only.

    A cell is a list of ``{"label", "start", "end"}`` (characters, counted from 0; the end is one
    past the last) or ``{"label", "text"}``, or a mapping from labels to texts, or any of those as
    JSON. An empty list says that there is nothing to find.

    Attributes:
        text: the input column in which they lie; "" is the only one that holds text.
    """

    kind: ClassVar[str] = "spans"
    text: str = ""


FIELDS: dict[str, type[Field]] = {
    part.__name__: part
    for part in (Text, Image, Audio, Number, Category, Flag, Date, Series, Vector, Spans)
}


@dataclass(frozen=True, slots=True)
class Schema:
    """Which columns go in, which come out.

    Attributes:
        inputs: the columns that the model sees.
        targets: the columns that it learns to give.
        group: a column whose rows belong together (a customer, a speaker): never split apart.
    """

    inputs: Mapping[str, Field]
    targets: Mapping[str, Field] = field(default_factory=dict)
    group: str | None = None

    def __post_init__(self) -> None:
        faults = []
        if not self.inputs:
            faults.append("inputs is empty: name at least one column")
        both = sorted(set(self.inputs) & set(self.targets))
        faults += [f"column {name!r} is both an input and a target" for name in both]
        faults += [
            f"column {name!r} holds spans, which a model can give but not read"
            for name, kind in self.inputs.items()
            if isinstance(kind, Spans)
        ]
        for name, kind in {**self.inputs, **self.targets}.items():
            if not isinstance(kind, Field):
                faults.append(f"column {name!r} needs a field such as Text(), found {kind!r}")
        if faults:
            raise SchemaError(all_at_once("This schema cannot be:", faults))

    @property
    def fields(self) -> dict[str, Field]:
        """Inputs and targets together, by column name."""
        return {**self.inputs, **self.targets}

    def __repr__(self) -> str:
        lines = ["Schema("]
        for title, fields in (("inputs", self.inputs), ("targets", self.targets)):
            shown = ", ".join(f"{name!r}: {kind!r}" for name, kind in fields.items())
            lines.append(f"    {title}={{{shown}}},")
        return "\n".join([*lines, f"    group={self.group!r})"])


def schema_description(schema: Schema) -> dict[str, object]:
    """Describe a schema as JSON data; ``build`` with ``SCHEMA_PARTS`` makes it again."""
    return describe(schema)


SCHEMA_PARTS: dict[str, type] = {**FIELDS, "Schema": Schema}
