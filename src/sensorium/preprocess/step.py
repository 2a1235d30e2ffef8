"""The first door: Step.fit(cells) -> Step; Step(cells) -> Column. One field kind, one column.

A cell goes three ways: ``read`` makes one raw cell clean (a path becomes pixels) or says what is
wrong with it; ``fit`` learns from the clean cells of the training rows; calling the step turns
clean cells into tensors. A missing cell is None throughout.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sensorium.core.batch import Column, Layout
from sensorium.core.schema import Field

Clean = Any
"""A clean cell: str, float, int, datetime or a numpy array, as the step's ``read`` says."""


@dataclass(frozen=True, slots=True)
class Beside:
    """A raw cell, and the one of the same row in the column that it speaks of."""

    cell: Any
    other: Any


class Step(ABC):
    """Prepares one column. A subclass is final.

    Attributes:
        kind: the kind of field that it prepares.
        field: the column's field.
        fit_rows: ``fit`` sees at most so many cells, of training rows drawn at random; 0 shows all.
        ragged: whether ``values`` run along ``mask``'s time, padded to the longest of the batch.
        beside: another column, of which ``read`` is given each row's raw cell, too; "" for none.
        sparse: whether clean cells are far smaller than the tensors that are made of them.
    """

    kind: ClassVar[str]
    fit_rows: ClassVar[int] = 0
    ragged: ClassVar[bool] = False
    sparse: ClassVar[bool] = False
    beside: str = ""

    def __init__(self, field: Field) -> None:
        self.field = field

    @abstractmethod
    def read(self, cell: Any) -> Clean | None:
        """Make one raw cell clean; None when it is missing.

        Needs no fitting and must not depend on it.

        Errors:
            CellError: the cell is damaged.
        """

    def fit(self, cells: Sequence[Clean | None]) -> "Step":  # noqa: ARG002
        """Learn from the clean cells of the training rows; returns itself."""
        return self

    def check(self, cell: Clean) -> None:  # noqa: B027
        """Compare a clean cell with what was learned; by default anything clean will do.

        Errors:
            CellError: the cell does not fit, such as a vector of another size.
        """

    @abstractmethod
    def __call__(self, cells: Sequence[Clean | None]) -> Column:
        """Turn clean cells into tensors; None becomes a row that is not present."""

    @property
    @abstractmethod
    def layout(self) -> Layout:
        """What an encoder must know of this column; known after ``fit``."""

    def state(self) -> Mapping[str, Any]:
        """Give what was learned, as JSON data."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> "Step":  # noqa: ARG002
        """Take back what ``state`` gave; returns itself."""
        return self

    @property
    def stored(self) -> bool:
        """Whether clean cells are costly to read and of fixed form (numpy), so worth keeping."""
        return False
