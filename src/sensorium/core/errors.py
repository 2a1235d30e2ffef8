"""Every error a user can meet, drawn as a tree.

    SensoriumError (a ValueError)
    ├── SchemaError      a field or schema that cannot be
    ├── TableError       a table, or cells of it, that cannot be read; carries ``faults``
    ├── CellError        one damaged cell; a step raises it, ``Preprocess`` turns it into a fault
    ├── PartError        parts that do not fit together, or a part that breaks its contract
    ├── PlanError        a plan or configuration; names every fault at once
    ├── ArtifactError    a model folder or checkpoint that is torn, changed or not ours
    ├── TrainingError    training had to stop: a loss that is not finite, no memory, a full disk
    └── ExtraError       an optional package is missing; names the pip command

A message says what was asked, what was found, and what to do.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sensorium.core.faults import Fault


class SensoriumError(ValueError):
    """The root of all errors that a user of Sensorium can meet."""


class SchemaError(SensoriumError):
    """A field or a schema that cannot be."""


class TableError(SensoriumError):
    """A table, or cells of it, that cannot be read.

    Attributes:
        faults: every fault that was found, in the order of the rows.
    """

    def __init__(self, message: str, faults: "Sequence[Fault]" = ()) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


class CellError(SensoriumError):
    """One cell that could not be read.

    Attributes:
        found: what was found in the cell.
        advice: what the user can do about it.
    """

    def __init__(self, found: str, advice: str = "") -> None:
        super().__init__(f"{found}; {advice}" if advice else found)
        self.found = found
        self.advice = advice


class PartError(SensoriumError):
    """Parts that do not fit together, or a part that breaks its contract."""


class PlanError(SensoriumError):
    """A plan or configuration with faults, all of them named."""


class ArtifactError(SensoriumError):
    """A model folder or checkpoint that is torn, was changed, or is not ours."""


class TrainingError(SensoriumError):
    """Training had to stop; the last checkpoint is intact."""


class ExtraError(SensoriumError, ImportError):
    """An optional package is missing; ``extra`` is "" where none of ours brings it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        wanted = f"'sensorium[{extra}]'" if extra else package
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed; "
            f"run: pip install {wanted}"
        )


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name was probably meant.

    Returns:
        ``" (did you mean 'price'?)"``, or the list of known names when none is near.
    """
    names = list(known)
    close = get_close_matches(str(name), names, n=1, cutoff=0.6)  # pandas names by numbers, too
    if close:
        return f" (did you mean {close[0]!r}?)"
    return f" (known: {', '.join(map(repr, names))})" if names else ""


def all_at_once(title: str, lines: Sequence[str]) -> str:
    """Lay out several faults under one title, one line each."""
    return "\n".join([title, *(f"  - {line}" for line in lines)])
