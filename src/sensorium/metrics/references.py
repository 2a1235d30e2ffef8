"""What a written answer is held against: one or more references a row, not the same number in each.

Legend: rows = pairs of one candidate and its references.
"""

from collections.abc import Sequence
from typing import TypeVar

from sensorium.core.errors import SensoriumError

Tokens = Sequence[str]
"""The words of one text, in order."""

Item = TypeVar("Item", str, Tokens)


def check_references(
    candidates: Sequence[Item], references: Sequence[Sequence[Item]], *, tokens: bool = False
) -> None:
    """Refuse rows that nothing can be said of.

    Args:
        candidates: one text a row.
        references: the references of each row.
        tokens: whether texts are lists of words.

    Errors:
        SensoriumError: a row has no reference, or a text stands where a list should.
    """
    check_rows(candidates, references, "candidates", "rows of references")
    kind = "words" if tokens else "texts"
    for row, given in enumerate(references):
        if isinstance(given, str) or (tokens and any(isinstance(one, str) for one in given)):
            nested = f"a list of lists of {kind}" if tokens else f"a list of {kind}"
            msg = f"the references of row {row} are {given!r}; give {nested}"
            raise SensoriumError(msg)
        if not given:
            msg = f"row {row} has no reference; leave out the rows whose truth is not known"
            raise SensoriumError(msg)


def check_rows(
    left: Sequence[object], right: Sequence[object], left_name: str, right_name: str
) -> None:
    """Refuse two sides that do not have as many rows.

    Errors:
        SensoriumError: they do not.
    """
    if len(left) != len(right):
        msg = f"{left_name}: {len(left)}, {right_name}: {len(right)}; give one for each row"
        raise SensoriumError(msg)
