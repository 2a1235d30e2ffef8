"""``check_step``: everything that a step promises, tried on a few raw cells.

from sensorium.testing import check_step

def test_my_step():
    check_step(lambda: MyStep(MyField()), ["3 kg", "250 g", "1 kg"], damaged=["three"])
"""

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from sensorium.core.batch import Column
from sensorium.core.errors import CellError
from sensorium.preprocess.step import Clean, Step
from sensorium.testing.checks import (
    TOLERANCES,
    ContractError,
    demand,
    distance,
    explained,
    is_sequence,
)


def check_step(
    make: Callable[[], Step],
    cells: Sequence[Any],
    *,
    missing: Sequence[Any] = (None,),
    damaged: Sequence[Any] = (),
) -> None:
    """Check every promise of a step.

    Reading is pure and does not depend on fitting; missing cells are None and then not present;
    damaged cells are refused with words; fitting does not depend on the order of cells nor on
    missing ones; a column has one row a cell, in order, each as if it were alone; what was learned
    goes through JSON and comes back to the bit; the layout is true.

    Args:
        make: makes the step, before ``fit``.
        cells: at least 3 raw cells that are neither missing nor damaged, not all equal.
        missing: raw cells that mean "nothing here".
        damaged: raw cells that cannot be read.

    Errors:
        ContractError: the first promise that is broken.
    """
    demand(len(cells) >= 3, "cells", "give at least 3 cells")
    case = Case(make, tuple(cells), tuple(missing), tuple(damaged))
    for promise, check in CHECKS.items():
        with explained(promise):
            check(case)


@dataclass(frozen=True)
class Case:
    """A step to be, and raw cells to try it on."""

    make: Callable[[], Step]
    cells: tuple[Any, ...]
    missing: tuple[Any, ...]
    damaged: tuple[Any, ...]

    def clean(self) -> list[Clean]:
        """Read the cells with a new step."""
        step = self.make()
        return [step.read(cell) for cell in self.cells]

    def fitted(self) -> Step:
        """Fit a new step to the cells."""
        return self.make().fit(self.clean())


def _check_kind(case: Case) -> None:
    step = case.make()
    told, kind = step.field.kind, step.kind
    demand(told == kind, "kind", f"the step prepares {kind!r}, but its field is {told!r}")


def _check_reading(case: Case) -> None:
    step, originals = case.make(), copy.deepcopy(case.cells)
    first = [step.read(cell) for cell in case.cells]
    for cell, clean in zip(case.cells, first, strict=True):
        demand(clean is not None, "reading", f"the good cell {_short(cell)} was read as missing")
    demand(_same(case.cells, originals), "reading", "read changed a raw cell in place")
    step.fit([*first[1:], None])
    second = [step.read(cell) for cell in case.cells]
    for cell, one, two in zip(case.cells, first, second, strict=True):
        message = f"{_short(cell)} was read as {_short(one)}, after fit as {_short(two)}"
        demand(_same(one, two), "reading", f"{message}; read must not depend on fit")


def _check_missing(case: Case) -> None:
    step = case.make()
    for cell in (None, *case.missing):
        clean = step.read(cell)
        message = f"the missing cell {cell!r} was read as {_short(clean)}, not None"
        demand(clean is None, "missing", message)


def _check_damaged(case: Case) -> None:
    for cell in case.damaged:
        try:
            clean = case.make().read(cell)
        except CellError as error:
            message = f"the refusal of {_short(cell)} does not say what was found"
            demand(error.found.strip(), "damaged", message)
            continue
        except Exception as error:
            message = f"the damaged cell {_short(cell)} must raise CellError, it raised {error!r}"
            raise ContractError("damaged", message) from error
        message = f"the damaged cell {_short(cell)} was read as {_short(clean)}; raise CellError"
        raise ContractError("damaged", message)


def _check_column(case: Case) -> None:
    step, clean = case.make(), case.clean()
    before = copy.deepcopy(clean)
    fitted = step.fit(clean)
    demand(fitted is step, "fit", "fit must return the step itself")
    column = step(clean)
    demand(_same(clean, before), "fit", "the clean cells were changed in place")
    rows = len(clean)
    counts = [len(x) for x in (column.values, column.mask, column.present)]
    demand(counts == [rows] * 3, "column", f"{rows} cells gave values, mask, present of {counts}")
    right = column.mask.ndim == 2 and {column.mask.dtype, column.present.dtype} == {torch.bool}
    demand(right, "column", "mask must be Bool[batch time] and present Bool[batch]")
    demand(column.present.all(), "column", "a good cell is not present")
    demand(column.mask.any(1).all(), "column", "a good cell has no real step in its mask")
    if column.values.is_floating_point():
        demand(column.values.isfinite().all(), "column", "values are not finite")


def _check_absence(case: Case) -> None:
    step, clean = case.fitted(), case.clean()
    holed = [None if place % 2 else cell for place, cell in enumerate(clean)]
    column = step(holed)
    there = torch.tensor([cell is not None for cell in holed])
    demand(torch.equal(column.present, there), "absence", "present must be False just for None")
    demand(not column.mask[~there].any(), "absence", "an absent row has real steps in its mask")
    for row in there.nonzero().flatten().tolist():
        message = f"row {row} changed when its neighbours were absent"
        demand(_same_row(column, row, step([clean[row]]), 0), "absence", message)
    nothing = step([None, None])
    demand(not nothing.present.any(), "absence", "a batch of None has present rows")
    finite = not nothing.values.is_floating_point() or nothing.values.isfinite().all()
    demand(finite and len(nothing.values) == 2, "absence", "a batch of None is not finite")


def _check_order(case: Case) -> None:
    step, clean = case.fitted(), case.clean()
    column, turned = step(clean), step(clean[::-1])
    for row in range(len(clean)):
        message = f"row {row} changed with the order of the rows"
        demand(_same_row(column, row, turned, len(clean) - 1 - row), "order", message)


def _check_fit_order(case: Case) -> None:
    clean = case.clean()
    column = case.fitted()(clean)
    for title, cells in (
        ("cells in another order", clean[::-1]),
        ("None among the cells", [None, *clean, None]),
    ):
        other = case.make().fit(cells)(clean)
        gap = distance(column.values.double(), other.values.double())
        message = f"fit on {title} learned something else (values {gap:.1e} apart)"
        demand(gap <= TOLERANCES["fit"], "fit", message)


def _check_state(case: Case) -> None:
    step, clean = case.fitted(), case.clean()
    try:
        text = json.dumps(step.state(), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ContractError("state", f"state() is not JSON data: {error}") from error
    again = case.make()
    back = again.restore(json.loads(text))
    demand(back is again, "state", "restore must return the step itself")
    demand(again.layout == step.layout, "state", f"{again.layout} came back, not {step.layout}")
    one, two = step(clean), again(clean)
    equal = all(map(torch.equal, (one.values, one.mask), (two.values, two.mask)))
    demand(equal, "state", "restored from its state, the step gives other numbers")
    demand(json.dumps(again.state()) == text, "state", "state() came back changed from restore")


def _check_layout(case: Case) -> None:
    step = case.fitted()
    layout, column = step.layout, step(case.clean())
    demand(layout.kind == step.kind, "layout", f"its kind is {layout.kind!r}, not {step.kind!r}")
    if not column.values.is_floating_point() and layout.vocabulary:
        top = int(column.values.max())
        message = f"id {top} does not fit a vocabulary of {layout.vocabulary}"
        demand(top < layout.vocabulary, "layout", message)
    if is_sequence(column):
        longest = column.mask.shape[1]
        message = f"{longest} steps came, the layout says at most {layout.length}"
        demand(longest <= layout.length, "layout", message)
        demand(step.ragged, "layout", "values run along time; set ragged = True")
    if step.stored:
        arrays = all(isinstance(cell, np.ndarray) for cell in case.clean())
        demand(arrays, "layout", "stored clean cells must be numpy arrays")


CHECKS: dict[str, Callable[[Case], None]] = {
    "kind": _check_kind,
    "reading": _check_reading,
    "missing": _check_missing,
    "damaged": _check_damaged,
    "column": _check_column,
    "absence": _check_absence,
    "order": _check_order,
    "fit": _check_fit_order,
    "state": _check_state,
    "layout": _check_layout,
}


def _same_row(left: Column, row: int, right: Column, other: int) -> bool:
    pair = (_trimmed(left, row), _trimmed(right, other))
    return torch.equal(pair[0].values, pair[1].values) and torch.equal(pair[0].mask, pair[1].mask)


def _trimmed(column: Column, row: int) -> Column:
    """Take one row without its padding."""
    one = column.rows(torch.tensor([row]))
    if not is_sequence(column):
        return one
    length = int(one.mask.sum())
    return replace(one, values=one.values[:, :length], mask=one.mask[:, :length])


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return left.dtype == right.dtype and np.array_equal(left, right)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    return bool(type(left) is type(right) and left == right)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
