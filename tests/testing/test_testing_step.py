"""``check_step`` passes every step of the house, and catches steps that break a promise."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pytest
import torch

from sensorium.core import schema
from sensorium.core.batch import Column, Layout
from sensorium.core.errors import CellError
from sensorium.core.schema import Field, Number
from sensorium.preprocess import STEPS, step_for
from sensorium.preprocess.step import Step
from sensorium.testing import ContractError, check_step

CELLS = [2.0, "5", 11, 3.5]


class Right(Step):
    """Numbers, standardised; keeps every promise. The wrong ones differ from it in one thing."""

    kind = "number"

    def __init__(self) -> None:
        super().__init__(Number())
        self.mean, self.deviation = 0.0, 1.0

    def read(self, cell: Any) -> float | None:
        if cell is None or cell == "":
            return None
        try:
            return float(cell)
        except ValueError as error:
            raise CellError(f"{cell!r} where a number was expected") from error

    def fit(self, cells: Sequence[float | None]) -> Step:
        known = [cell for cell in cells if cell is not None]
        self.mean, self.deviation = float(np.mean(known)), float(np.std(known))
        return self

    def __call__(self, cells: Sequence[float | None]) -> Column:
        there = torch.tensor([cell is not None for cell in cells])
        known = torch.tensor([self.mean if cell is None else cell for cell in cells])
        values = ((known - self.mean) / self.deviation).float()
        return Column(values.unsqueeze(1), there.unsqueeze(1), there)

    @property
    def layout(self) -> Layout:
        return Layout("number")

    def state(self) -> Mapping[str, Any]:
        return {"mean": self.mean, "deviation": self.deviation}

    def restore(self, state: Mapping[str, Any]) -> Step:
        self.mean, self.deviation = state["mean"], state["deviation"]
        return self


class OtherKind(Right):
    kind = "text"


class ReadsByFit(Right):
    def read(self, cell: Any) -> float | None:
        clean = super().read(cell)
        return None if clean is None else clean - self.mean


class SilentZeros(Right):
    def read(self, cell: Any) -> float | None:
        return 0.0 if cell is None else super().read(cell)


class Forgives(Right):
    def read(self, cell: Any) -> float | None:
        try:
            return super().read(cell)
        except CellError:
            return 0.0


class RaisesItsOwn(Right):
    def read(self, cell: Any) -> float | None:
        return None if cell in (None, "") else float(cell)


class ReturnsNothing(Right):
    def fit(self, cells: Sequence[float | None]) -> Any:
        super().fit(cells)


class DropsRows(Right):
    def __call__(self, cells: Sequence[float | None]) -> Column:
        return super().__call__([cell for cell in cells if cell is not None and cell < 10])


class AllPresent(Right):
    def __call__(self, cells: Sequence[float | None]) -> Column:
        column = super().__call__(cells)
        everywhere = torch.ones_like(column.present)
        return Column(column.values, everywhere.unsqueeze(1), everywhere)


class ScalesByBatch(Right):
    def __call__(self, cells: Sequence[float | None]) -> Column:
        known = [cell for cell in cells if cell is not None] or [0.0]
        values = torch.tensor([[(cell or 0.0) - max(known)] for cell in cells])
        there = torch.tensor([cell is not None for cell in cells])
        return Column(values, there.unsqueeze(1), there)


class Dithers(Right):
    noise = itertools.count()

    def __call__(self, cells: Sequence[float | None]) -> Column:
        column = super().__call__(cells)
        return Column(column.values + next(self.noise), column.mask, column.present)


class FitsTheFirst(Right):
    def fit(self, cells: Sequence[float | None]) -> Step:
        self.mean = next(cell for cell in cells if cell is not None)
        return self


class CountsMissing(Right):
    def fit(self, cells: Sequence[float | None]) -> Step:
        return super().fit([cell or 0.0 for cell in cells])


class HalfState(Right):
    def state(self) -> Mapping[str, Any]:
        return {"mean": self.mean, "deviation": 1.0}


class NotJson(Right):
    def state(self) -> Mapping[str, Any]:
        return {"mean": np.float32(self.mean), "deviation": self.deviation}


class WrongLayout(Right):
    @property
    def layout(self) -> Layout:
        return Layout("vector")


class SmallVocabulary(Right):
    def __call__(self, cells: Sequence[float | None]) -> Column:
        column = super().__call__(cells)
        ids = torch.tensor([[int(cell or 0)] for cell in cells])
        return Column(ids, column.mask, column.present)

    @property
    def layout(self) -> Layout:
        return Layout("number", vocabulary=11)


WRONG = {
    OtherKind: "kind",
    ReadsByFit: "reading",
    SilentZeros: "missing",
    Forgives: "damaged",
    RaisesItsOwn: "damaged",
    ReturnsNothing: "fit",
    DropsRows: "column",
    AllPresent: "absence",
    ScalesByBatch: "absence",
    Dithers: "absence",
    FitsTheFirst: "fit",
    CountsMissing: "fit",
    HalfState: "state",
    NotJson: "state",
    WrongLayout: "layout",
    SmallVocabulary: "layout",
}


def test_a_right_step_passes() -> None:
    check_step(Right, CELLS, missing=[None, ""], damaged=["three"])


@pytest.mark.parametrize("part", WRONG, ids=lambda part: part.__name__)
def test_a_wrong_step_is_caught(part: Callable[[], Step]) -> None:
    with pytest.raises(ContractError) as caught:
        check_step(part, CELLS, missing=[None, ""], damaged=["three"])
    assert caught.value.promise == WRONG[part]


RNG = np.random.default_rng(0)
HOUSE: list[tuple[Field, list[Any], list[Any]]] = [
    (schema.Text(max_tokens=6), ["a red fox", "the lazy dog sleeps all day", "狐狸"], [True]),
    (schema.Text(tokenizer="words"), ["a red fox", "the dog", "a fox"], [object()]),
    (schema.Image(size=8), list(RNG.integers(0, 255, (3, 8, 8, 3), np.uint8)), ["no/such.png"]),
    (
        schema.Audio(rate=8_000, seconds=0.1),
        [{"array": RNG.uniform(-1, 1, n), "sampling_rate": 8_000} for n in (200, 700, 500)],
        ["no/such.wav"],
    ),
    *[(schema.Number(scaling=s), [1, "2.5", 40, 7.0], ["many"]) for s in ("standard", "log")],
    (schema.Number(scaling="quantile"), [1, "2.5", 40, 7.0], ["inf"]),
    (schema.Category(), ["red", "blue", "red", 3], [[1]]),
    (schema.Category(many=True), ["red|blue", ["green"], "blue"], [{"a": object()}]),
    (schema.Flag(), ["yes", False, 1], ["perhaps"]),
    (schema.Date(), ["2024-03-31", date(2020, 2, 29), "2022-12-01T18:05"], ["yesterday"]),
    (schema.Series(), [[1, 2, 3], np.arange(5.0), [4.0, 1.0]], ["no/such.npy"]),
    (
        schema.Spans(),
        [[{"label": name, "start": at, "end": at + 2}] for at, name in enumerate("aba")],
        [{"a": "words without their text"}, 7],
    ),
    (schema.Vector(), [[1, 2, 3], np.arange(3.0), [4.0, 1.0, 9.0]], [[[1.0], [2.0]]]),
]


def test_every_kind_of_step_is_tried() -> None:
    assert {field.kind for field, _, _ in HOUSE} == set(STEPS)


@pytest.mark.parametrize(
    ("field", "cells", "damaged"), HOUSE, ids=[repr(field) for field, _, _ in HOUSE]
)
def test_every_step_of_the_house_passes(field: Field, cells: list[Any], damaged: list[Any]) -> None:
    check_step(lambda: step_for(field), cells, missing=[None, float("nan"), ""], damaged=damaged)


def test_too_few_cells_are_refused() -> None:
    with pytest.raises(ContractError, match="at least 3 cells"):
        check_step(Right, [1, 2])
