"""Preprocess: one fitted step a column; rows in, batches out, every damaged cell in the ledger."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sensorium.core.batch import Batch
from sensorium.core.counted import counted
from sensorium.core.describe import build
from sensorium.core.errors import (
    ArtifactError,
    CellError,
    SchemaError,
    TableError,
    all_at_once,
    nearest,
)
from sensorium.core.faults import Fault, Ledger, RowId
from sensorium.core.schema import SCHEMA_PARTS, Field, Schema, Spans, Text, schema_description
from sensorium.core.seed import numpy_generator
from sensorium.media import file_named
from sensorium.preprocess.step import Beside, Clean, Step
from sensorium.preprocess.steps import step_for, target_step_for

Row = Mapping[str, Any]
Policy = Literal["error", "absent", "skip"]
BLOCK = 4_096
"""So many raw cells are held at a time."""
SAMPLED = 256
"""The same, where rows are drawn at random and few are needed."""
Places = NDArray[np.int64]


@runtime_checkable
class Table(Protocol):
    """What is asked of a table."""

    @property
    def columns(self) -> Sequence[str]:
        """The columns' names."""

    @property
    def schema(self) -> Schema | None:
        """What the columns are."""

    @property
    def row_ids(self) -> Sequence[RowId]:
        """The rows' numbers in their source."""

    def __len__(self) -> int: ...

    def cells(self, name: str) -> list[Any]:
        """Give the raw cells of a column."""

    def slice(self, start: int, stop: int) -> "Table":
        """Take consecutive rows."""

    def take(self, indices: Sequence[int]) -> "Table":
        """Take some rows."""


class Preprocess:
    """Prepares rows for a model; made by ``fit`` or ``restore``.

    Attributes:
        schema: the inputs and targets.
        steps: one fitted step a column, inputs first.
        damaged: what to do about damaged cells: ``"error"`` raises one TableError that names them
            all, ``"absent"`` treats them as missing, ``"skip"`` leaves their rows out.
    """

    def __init__(self, schema: Schema, steps: Mapping[str, Step], damaged: Policy) -> None:
        if damaged not in get_args(Policy):
            msg = f"damaged must be 'error', 'absent' or 'skip', found {damaged!r}"
            raise SchemaError(msg)
        self.schema = schema
        self.steps = dict(steps)
        self.damaged: Policy = damaged

    @classmethod
    def fit(
        cls,
        table: Table,
        schema: Schema | None = None,
        damaged: Policy = "absent",
        ledger: Ledger | None = None,
        seed: int = 0,
    ) -> "Preprocess":
        """Learn from training rows, and from nothing else.

        Args:
            table: the training rows.
            schema: the inputs and targets; None takes the table's own.
            damaged: what to do about damaged cells, now and later.
            ledger: receives the damaged cells that were met. Kinds that learn from a sample of
                rows (signals, vectors) or learn nothing (pictures, sounds) are not searched.
            seed: draws those samples.

        Errors:
            SchemaError: no schema, or it names columns that are not there.
            TableError: no rows, a target without any value, a column with none that can be read;
                or any damaged cell, with ``damaged="error"``.
        """
        schema = _checked(table, schema or getattr(table, "schema", None))
        prep = cls(schema, {n: _step(schema, n) for n in schema.fields}, damaged)
        faults: list[Fault] = []
        for name, step in prep.steps.items():
            if type(step).fit is not Step.fit:
                faults += prep._fit(name, table, seed)
        for fault in faults:
            if ledger is not None:
                ledger.add(fault)
        prep.refuse(faults)
        return prep

    def _fit(self, name: str, table: Table, seed: int) -> list[Fault]:
        step, faults = self.steps[name], []
        order = _order(table, step.fit_rows, seed, name)
        cells: list[Clean | None] = []
        known = 0
        for row, raw in self._raw(table, name, order):
            cells.append(None)
            try:
                cells[-1] = step.read(raw)
            except CellError as error:
                faults.append(self._fault(name, raw, row, error))
            known += cells[-1] is not None
            if known == step.fit_rows > 0:
                break
        _check_some(name, self.schema, cells, faults)
        step.fit(cells)
        return faults + self._misfits(name, table, order, cells)

    def _misfits(
        self, name: str, table: Table, order: Places | None, cells: Sequence[Clean | None]
    ) -> list[Fault]:
        faults = []
        for number, cell in enumerate(cells):
            try:
                if cell is not None:
                    self.steps[name].check(cell)
            except CellError as error:
                place = number if order is None else int(order[number])
                (raw,) = self.raw_cells(table.slice(place, place + 1), name)
                faults.append(self._fault(name, raw, table.row_ids[place], error))
        return faults

    def _fault(self, name: str, raw: Any, row: RowId, error: CellError) -> Fault:
        file = file_named(raw) if self.schema.fields[name].media else ""
        return Fault(row, name, error.found, file, error.advice)

    def _raw(self, table: Table, name: str, order: Places | None) -> Iterator[tuple[RowId, Any]]:
        block = BLOCK if order is None else SAMPLED
        for start in range(0, len(table), block):
            stop = min(start + block, len(table))
            rows = None if order is None else order[start:stop].tolist()
            part = table.slice(start, stop) if rows is None else table.take(rows)
            yield from zip(part.row_ids, self.raw_cells(part, name), strict=True)

    def raw_cells(self, table: Table, name: str) -> list[Any]:
        """Give the raw cells of a column as its step reads them."""
        cells, other = table.cells(name), self.steps[name].beside
        if not other:
            return cells
        others = table.cells(other) if other in table.columns else [None] * len(cells)
        return list(map(Beside, cells, others))

    def read_cell(self, name: str, raw: Any, row: RowId, ledger: Ledger) -> Clean | None:
        """Make one raw cell clean; a damaged one is noted in the ledger and becomes None."""
        step = self.steps[name]
        try:
            cell = step.read(raw)
            if cell is not None:
                step.check(cell)
        except CellError as error:
            ledger.add(self._fault(name, raw, row, error))
            return None
        return cell

    def read(self, row: Row, row_id: RowId, ledger: Ledger) -> dict[str, Clean | None]:
        """Make one row clean; damaged cells are noted in the ledger and become None.

        Columns that the row does not have are missing; columns not in the schema are left out.
        """
        raw = {
            name: Beside(row.get(name), row.get(step.beside)) if step.beside else row.get(name)
            for name, step in self.steps.items()
        }
        return {name: self.read_cell(name, cell, row_id, ledger) for name, cell in raw.items()}

    def collate(self, rows: Sequence[Mapping[str, Clean | None]], ids: Sequence[RowId]) -> Batch:
        """Turn clean rows into a batch."""
        columns = {n: step([row.get(n) for row in rows]) for n, step in self.steps.items()}
        return Batch(columns, tuple(ids))

    def __call__(self, rows: Sequence[Row], ledger: Ledger | None = None) -> Batch:
        """Read and collate rows, numbered from 0, with the policy applied.

        Errors:
            TableError: damaged cells, with ``damaged="error"``; it names them all.
        """
        ledger = Ledger() if ledger is None else ledger
        before = len(ledger)
        clean = [self.read(row, number, ledger) for number, row in enumerate(rows)]
        faults = list(ledger)[before:]
        self.refuse(faults)
        ids: list[RowId] = list(range(len(rows)))
        if self.damaged == "skip":
            gone = {fault.row for fault in faults}
            ids = [number for number in ids if number not in gone]
            clean = [row for number, row in enumerate(clean) if number not in gone]
        return self.collate(clean, ids)

    def refuse(self, faults: Sequence[Fault]) -> None:
        """Raise if there are faults and the policy is ``"error"``.

        Errors:
            TableError: it names all damaged cells.
        """
        if faults and self.damaged == "error":
            ledger = Ledger()
            for fault in faults:
                ledger.add(fault)
            msg = f"{counted(len(ledger), 'damaged cell')}:\n{ledger.message()}"
            raise TableError(msg, tuple(ledger))

    def state(self) -> dict[str, Any]:
        """Give all that was learned, as JSON data."""
        return {
            "schema": schema_description(self.schema),
            "damaged": self.damaged,
            "steps": {name: dict(step.state()) for name, step in self.steps.items()},
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> "Preprocess":
        """Make again what ``state`` described.

        Errors:
            ArtifactError: the state is not whole.
        """
        try:
            schema = build(state["schema"], SCHEMA_PARTS)
            steps = {n: _step(schema, n).restore(state["steps"][n]) for n in schema.fields}
            return cls(schema, steps, state["damaged"])
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            msg = f"the saved preprocessing is not whole ({type(error).__name__}: {error})"
            raise ArtifactError(msg) from error


def _checked(table: Table, schema: Schema | None) -> Schema:
    if not hasattr(table, "row_ids"):
        msg = f"a {type(table).__name__} is no Table yet; read it first: sensorium.read(it, schema)"
        raise TableError(msg)
    if schema is None:
        msg = "the table has no schema; give one: Preprocess.fit(table, Schema(inputs={...}))"
        raise SchemaError(msg)
    if not len(table):
        msg = "the table has no rows to learn from"
        raise TableError(msg)
    lost = [name for name in schema.fields if name not in table.columns]
    if lost:
        lines = [f"{name!r}{nearest(name, table.columns)}" for name in lost]
        raise SchemaError(all_at_once("The table has no columns called:", lines))
    return schema


def _step(schema: Schema, name: str) -> Step:
    field: Field = schema.fields[name]
    if isinstance(field, Spans):
        field = _spans(schema, name, field)
    return target_step_for(field) if name in schema.targets else step_for(field)


def _spans(schema: Schema, name: str, field: Spans) -> Spans:
    """Find the text in which spans lie."""
    texts = [n for n, its in schema.inputs.items() if isinstance(its, Text)]
    if not field.text and len(texts) == 1:
        return Spans(text=texts[0])
    if field.text in texts:
        return field
    said = f"target {name!r} holds spans of a text"
    if field.text:
        msg = f"{said}, but there is no input {field.text!r} of text{nearest(field.text, texts)}"
    else:
        known = ", ".join(map(repr, texts)) or "none"
        msg = f"{said}: say of which, Spans(text=...); inputs of text: {known}"
    raise SchemaError(msg)


def _order(table: Table, most: int, seed: int, name: str) -> Places | None:
    """Draw the order in which a step sees the rows; None is the table's own."""
    if not most or len(table) <= most:
        return None
    return numpy_generator(seed, "sample", name).permutation(len(table))


def _check_some(
    name: str, schema: Schema, cells: Sequence[Clean | None], faults: Sequence[Fault]
) -> None:
    if any(cell is not None for cell in cells):
        return
    if faults:
        msg = (
            f"column {name!r} has no cell that can be read as {schema.fields[name]!r}; "
            f"for example {faults[0]}"
        )
        raise TableError(msg, faults)
    if name in schema.targets:
        msg = f"target {name!r} is missing in every row; choose another target, or fill it"
        raise TableError(msg)
