"""Dates: clean datetime as it stands on the clock, without zone; Float[batch parts].

Parts: sine and cosine of month, day of the month, weekday and hour, and, where the field wants the
trend, the days since the training rows' mean in standard deviations.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from math import cos, pi, sin
from typing import Any

import numpy as np
from jaxtyping import Float64

from sensorium.core.batch import Column, Layout
from sensorium.core.errors import CellError
from sensorium.core.schema import Date
from sensorium.preprocess.cells import missing, plain, wrong_type
from sensorium.preprocess.columns import dense
from sensorium.preprocess.scaling import Standard
from sensorium.preprocess.step import Step

CYCLIC = 8
_MONTH = re.compile(r"\d{4}-\d{2}")


class DateStep(Step):
    """Reads dates and makes them cyclic; learns the mean and deviation of the trend.

    Attributes:
        trend: the scaling of days.
    """

    kind = "date"
    field: Date

    def __init__(self, field: Date) -> None:
        super().__init__(field)
        self.trend = Standard()

    def read(self, cell: Any) -> datetime | None:
        """Read ISO 8601 text (or the field's form), a datetime, date, or numpy datetime64."""
        if missing(cell):
            return None
        if isinstance(cell, np.datetime64):
            cell = cell.astype("datetime64[us]")
        cell = plain(cell)
        if isinstance(cell, str):
            cell = self._parsed(cell.strip())
        if isinstance(cell, datetime):
            return datetime(cell.year, cell.month, cell.day, cell.hour, cell.minute, cell.second)
        if isinstance(cell, date):
            return datetime(cell.year, cell.month, cell.day)
        raise wrong_type(cell, "a date")

    def _parsed(self, text: str) -> datetime:
        form = self.field.form
        try:
            if form:
                return datetime.strptime(text, form)
            return datetime.fromisoformat(f"{text}-01" if _MONTH.fullmatch(text) else text)
        except ValueError as error:
            wanted = f"the form {form!r}" if form else "ISO 8601 (2024-03-31 or 2024-03-31T18:05)"
            raise CellError(
                f"{text[:60]!r} where a date of {wanted} was expected",
                "correct it, or name its form: Date(form='%d.%m.%Y')",
            ) from error

    def fit(self, cells: Sequence[datetime | None]) -> "DateStep":
        """Learn the trend's mean and deviation."""
        days = [_days(cell) for cell in cells if cell is not None]
        self.trend.fit(np.array(days, np.float64))
        return self

    def __call__(self, cells: Sequence[datetime | None]) -> Column:
        """Compute the parts."""
        rows = [None if cell is None else self._parts(cell) for cell in cells]
        return dense(rows, (self.layout.channels,), np.float32)

    def _parts(self, cell: datetime) -> Float64[np.ndarray, " parts"]:
        turns = (
            (cell.month - 1) / 12,
            (cell.day - 1) / 31,
            cell.weekday() / 7,
            (cell.hour + cell.minute / 60) / 24,
        )
        cyclic = [wave(2 * pi * turn) for turn in turns for wave in (sin, cos)]
        if self.field.trend:
            cyclic.extend(self.trend(np.array([_days(cell)])))
        return np.array(cyclic)

    @property
    def layout(self) -> Layout:
        """The parts as channels."""
        return Layout("date", channels=CYCLIC + self.field.trend)

    def state(self) -> Mapping[str, Any]:
        """Give the trend."""
        return dict(self.trend.state())

    def restore(self, state: Mapping[str, Any]) -> "DateStep":
        """Take it back."""
        self.trend.restore(state)
        return self


def _days(cell: datetime) -> float:
    return cell.toordinal() + (cell.hour * 3_600 + cell.minute * 60 + cell.second) / 86_400
