"""A table read once: decoded cells and finished columns, ready to be taken in any order.

Costly cells (pictures, sounds, signals) are kept clean and compact in a ``Pile``; all others are
kept as the tensors that their step makes of them, so that a batch is nothing but indexing.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from sensorium.core.batch import Batch, Column
from sensorium.core.faults import Fault, Ledger, RowId
from sensorium.preprocess.extract import Extracted, Extractor
from sensorium.preprocess.preprocess import Preprocess, Table
from sensorium.preprocess.step import Clean, Step
from sensorium.preprocess.written import Written, WrittenStep
from sensorium.store import Budget, Pile, digest

Rows = Int64[np.ndarray, " rows"]
BLOCK = 256
"""So many rows are read at a time."""
BUDGET = 2 * 2**30
THREADS = min(8, os.cpu_count() or 1)


@runtime_checkable
class Keeper(Protocol):
    """Keeps one column."""

    def add(self, cells: Sequence[Clean | None]) -> None:
        """Add the clean cells of a block of rows."""

    def column(self, rows: Rows, turn: int = 0) -> Column:
        """Take some rows; where there are several views of them, the turn chooses."""

    def lengths(self) -> Rows:
        """Give the length of each row along time; 0 where it is absent."""


@dataclass(frozen=True, slots=True)
class Notes:
    """What to note of the cells of some columns, beside the tensors that are made of them.

    Attributes:
        same: of which columns to note which cells are the same.
        words: whose words to keep as they stand.
    """

    same: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


class Shelf:
    """The cells of a table, read once; made by ``of``.

    Attributes:
        kept: the numbers, in the table, of the rows that are on the shelf.
        row_ids: the ids of those rows.
        present: which of those rows have the cell, by column.
        damaged: which of those rows have a damaged cell, by column.
        identity: a number a row, equal where the cells are, by column that was to be identified.
        words: the words of each row, by column whose words were to be kept.
        faults: every damaged cell of the table, in the order of the rows.
    """

    def __init__(self, keepers: Mapping[str, Keeper], found: "_Found", skip: bool) -> None:  # noqa: FBT001
        bad = np.zeros(len(found.row_ids), np.bool_)
        for marks in found.damaged.values():
            bad |= marks
        self._keepers = dict(keepers)
        self.kept: Rows = np.flatnonzero(~bad) if skip else np.arange(len(bad))
        self.row_ids: tuple[RowId, ...] = tuple(found.row_ids[i] for i in self.kept.tolist())
        self.present = {name: marks[self.kept] for name, marks in found.present.items()}
        self.damaged = {name: marks[self.kept] for name, marks in found.damaged.items()}
        self.identity = {name: ids[self.kept] for name, ids in found.identity.items()}
        self.words = {n: [words[i] for i in self.kept.tolist()] for n, words in found.words.items()}
        self.faults = tuple(found.faults)

    @classmethod
    def of(
        cls,
        prep: Preprocess,
        table: Table,
        ledger: Ledger | None = None,
        budget_bytes: int = BUDGET,
        folder: Path | None = None,
        on_row: Callable[[int], None] | None = None,
        extractors: Mapping[str, Extractor] | None = None,
        notes: "Notes | None" = None,
    ) -> "Shelf":
        """Read a table.

        Args:
            prep: fitted preprocessing; its policy decides about damaged cells.
            table: the rows.
            ledger: receives every damaged cell.
            budget_bytes: memory for decoded cells; what goes beyond it lies in a file.
            folder: where that file goes; None takes the system's place for temporary files.
            on_row: called with the number of rows read so far.
            notes: what to note of cells, beside their tensors.
            extractors: frozen encoders by column, whose features are kept in place of the cells.

        Errors:
            TableError: damaged cells, where the policy is ``"error"``; it names them all.
            TrainingError: the file cannot be written.
        """
        keepers = _keepers(prep.steps, Budget(budget_bytes), folder, extractors or {})
        found = _Found.nothing(prep.steps, table.row_ids, notes or Notes())
        with ThreadPoolExecutor(THREADS) as pool:
            for start in range(0, len(table), BLOCK):
                part = table.slice(start, min(start + BLOCK, len(table)))
                for name, cells in _block(prep, part, pool, found, start).items():
                    keepers[name].add(cells)
                    if name in found.words:
                        found.words[name] += map(words_of, cells)
                if on_row is not None:
                    on_row(start + len(part))
        if ledger is not None:
            for fault in found.faults:
                ledger.add(fault)
        prep.refuse(found.faults)
        return cls(keepers, found, skip=prep.damaged == "skip")

    def __len__(self) -> int:
        return len(self.kept)

    def batch(self, indices: Sequence[int] | Rows, turn: int = 0) -> Batch:
        """Take rows, by their place on the shelf; the turn chooses among views of their cells."""
        chosen = np.asarray(indices, np.int64)
        rows = self.kept[chosen]
        columns = {name: keeper.column(rows, turn) for name, keeper in self._keepers.items()}
        for name, identity in self.identity.items():
            columns[name] = replace(columns[name], identity=torch.from_numpy(identity[chosen]))
        for name, words in self.words.items():
            columns[name] = replace(columns[name], texts=tuple(words[i] for i in chosen.tolist()))
        return Batch(columns, tuple(self.row_ids[i] for i in chosen.tolist()))

    @property
    def texts(self) -> dict[str, list[tuple[str, ...]]]:
        """The texts of each row, by target that is to be written, and by column kept verbatim."""
        written = {
            name: [keeper.texts[row] for row in self.kept.tolist()]
            for name, keeper in self._keepers.items()
            if isinstance(keeper, Written)
        }
        return written | self.words

    @property
    def lengths(self) -> Rows:
        """How long each row is, in thousandths of the longest of its column; the most of them all.

        Rows of like length waste little padding when they share a batch.
        """
        longest = np.zeros(len(self), np.int64)
        for keeper in self._keepers.values():
            lengths = keeper.lengths()[self.kept]
            most = max(1, int(lengths.max(initial=1)))
            longest = np.maximum(longest, lengths * 1_000 // most)
        return longest


@dataclass(slots=True)
class _Found:
    """What reading found out, row by row of the table."""

    row_ids: Sequence[RowId]
    present: dict[str, Bool[np.ndarray, " rows"]]
    damaged: dict[str, Bool[np.ndarray, " rows"]]
    identity: dict[str, Rows]
    words: dict[str, list[tuple[str, ...]]]
    faults: list[Fault]

    @classmethod
    def nothing(
        cls,
        names: Mapping[str, Any],
        row_ids: Sequence[RowId],
        notes: Notes,
    ) -> "_Found":
        """Begin with no row read."""
        none = {name: np.zeros(len(row_ids), np.bool_) for name in names}
        same = {name: np.zeros(len(row_ids), np.int64) for name in notes.same}
        damaged = {name: marks.copy() for name, marks in none.items()}
        return cls(row_ids, none, damaged, same, {name: [] for name in notes.words}, [])


def _block(
    prep: Preprocess, part: Table, pool: ThreadPoolExecutor, found: _Found, start: int
) -> dict[str, list[Clean | None]]:
    ledgers = [Ledger() for _ in range(len(part))]
    cells: dict[str, list[Clean | None]] = {}
    stop = start + len(part)
    for name, step in prep.steps.items():
        raw = prep.raw_cells(part, name)
        if step.stored:
            cells[name] = _decoded(prep, name, raw, part.row_ids, pool, ledgers)
        else:
            cells[name] = list(map(prep.read_cell, [name] * len(raw), raw, part.row_ids, ledgers))
        found.present[name][start:stop] = [cell is not None for cell in cells[name]]
        if name in found.identity:
            found.identity[name][start:stop] = [same_cell(cell) for cell in cells[name]]
    for place, ledger in enumerate(ledgers, start):
        for fault in ledger:
            found.damaged[fault.column][place] = True
            found.faults.append(fault)
    return cells


def _decoded(
    prep: Preprocess,
    name: str,
    raw: Sequence[Any],
    rows: Sequence[RowId],
    pool: ThreadPoolExecutor,
    ledgers: Sequence[Ledger],
) -> list[Clean | None]:
    """Decode a block of media cells, each file once however many rows name it."""
    places: dict[Any, list[int]] = {}
    for place, cell in enumerate(raw):
        places.setdefault(cell if isinstance(cell, str | Path) else place, []).append(place)
    first = [its[0] for its in places.values()]

    def read(place: int) -> Clean | None:
        return prep.read_cell(name, raw[place], rows[place], ledgers[place])

    cells: list[Clean | None] = [None] * len(raw)
    for cell, its in zip(pool.map(read, first), places.values(), strict=True):
        faults = [fault for fault in ledgers[its[0]] if fault.column == name]
        for place in its:
            cells[place] = cell
        for place in its[1:]:
            for fault in faults:
                ledgers[place].add(replace(fault, row=rows[place]))
    return cells


def words_of(cell: Clean | None) -> tuple[str, ...]:
    """Give the words of a clean cell: a text, or several of them; () for a missing cell."""
    if cell is None:
        return ()
    return (cell,) if isinstance(cell, str) else tuple(map(str, cell))


def same_cell(cell: Clean | None) -> int:
    """Give a number that is the same for the same content, and 0 for a missing cell."""
    if cell is None:
        return 0
    content = cell if isinstance(cell, str | np.ndarray) else repr(cell)
    return int.from_bytes(digest(content)[:8], "big", signed=True)


def _keepers(
    steps: Mapping[str, Step],
    budget: Budget,
    folder: Path | None,
    extractors: Mapping[str, Extractor],
) -> dict[str, Keeper]:
    keepers: dict[str, Keeper] = {}
    for name, step in steps.items():
        if name in extractors:
            keepers[name] = Extracted(step, extractors[name], Pile(budget, folder))
        elif step.stored:
            keepers[name] = _Clean(step, Pile(budget, folder))
        elif isinstance(step, WrittenStep):
            keepers[name] = Written(step)
        elif step.sparse:
            keepers[name] = _Sparse(step)
        else:
            keepers[name] = _Ragged(step) if step.ragged else _Dense(step)
    return keepers


class _Clean:
    """Keeps clean arrays, and calls the step for every batch."""

    def __init__(self, step: Step, pile: Pile) -> None:
        self.step = step
        self.pile = pile

    def add(self, cells: Sequence[Clean | None]) -> None:
        self.pile.add(cells)

    def column(self, rows: Rows, turn: int = 0) -> Column:  # noqa: ARG002  one view
        return self.step([self.pile[int(row)] for row in rows])

    def lengths(self) -> Rows:
        return self.pile.lengths.clip(min=0) * self.step.ragged


class _Sparse:
    """Keeps clean cells as they are, which are far smaller than what the step makes of them."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.cells: list[Clean | None] = []

    def add(self, cells: Sequence[Clean | None]) -> None:
        self.cells += cells

    def column(self, rows: Rows, turn: int = 0) -> Column:  # noqa: ARG002  one view
        return self.step([self.cells[row] for row in rows.tolist()])

    def lengths(self) -> Rows:
        return np.zeros(len(self.cells), np.int64)


class _Dense:
    """Keeps finished rows of one shape."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.parts: list[Column] = []

    def add(self, cells: Sequence[Clean | None]) -> None:
        self.parts.append(self.step(cells))

    def column(self, rows: Rows, turn: int = 0) -> Column:  # noqa: ARG002  one view
        return self._all().rows(torch.from_numpy(rows))

    def lengths(self) -> Rows:
        return np.zeros(len(self._all().present), np.int64)

    def _all(self) -> Column:
        if len(self.parts) != 1:
            parts = self.parts or [self.step([])]
            sides = ([p.values for p in parts], [p.mask for p in parts], [p.present for p in parts])
            values, mask, present = map(torch.cat, sides)
            self.parts = [Column(values, mask, present)]
        return self.parts[0]


class _Ragged:
    """Keeps finished rows of unequal length end to end."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.values: list[Tensor] = []
        self.counts: list[Tensor] = []
        self.present: list[Tensor] = []
        self.starts = torch.zeros(0, dtype=torch.int64)

    def add(self, cells: Sequence[Clean | None]) -> None:
        column = self.step(cells)
        values = column.values[column.mask]
        self.values.append(values.int() if values.dtype == torch.int64 else values)
        self.counts.append(column.mask.sum(1))
        self.present.append(column.present)

    def column(self, rows: Rows, turn: int = 0) -> Column:  # noqa: ARG002  one view
        values, counts, present = self._joined()
        index = torch.from_numpy(rows)
        lengths = counts[index]
        steps = torch.arange(max(1, int(lengths.max()) if len(rows) else 1))
        mask = steps < lengths[:, None]
        places = (self.starts[index][:, None] + steps).masked_fill(~mask, 0)
        found = values[places] if len(values) else values.new_zeros(*mask.shape, *values.shape[1:])
        found = found.long() if found.dtype == torch.int32 else found
        hidden = ~mask.reshape(*mask.shape, *[1] * (found.ndim - 2))
        return Column(found.masked_fill(hidden, 0), mask, present[index])

    def lengths(self) -> Rows:
        return np.asarray(self._joined()[1].numpy())

    def _joined(self) -> tuple[Tensor, Tensor, Tensor]:
        if len(self.values) != 1 or len(self.starts) != len(self.counts[0]):
            if not self.values:
                self.add([])
            kept = (self.values, self.counts, self.present)
            self.values, self.counts, self.present = ([torch.cat(side)] for side in kept)
            self.starts = self.counts[0].cumsum(0) - self.counts[0]
        return self.values[0], self.counts[0], self.present[0]
