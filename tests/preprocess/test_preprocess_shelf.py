"""Shelf: every batch is what preprocessing the rows themselves gives."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture
from simple_table import SimpleTable
from test_preprocess_fit import SCHEMA, damage, places, rows

import sensorium as sm
from sensorium.core.batch import Batch
from sensorium.core.errors import TableError
from sensorium.core.faults import Ledger
from sensorium.core.schema import Image, Number, Schema
from sensorium.preprocess import Preprocess, Shelf

COUNT = 30


def gaps(count: int = COUNT) -> list[dict[str, Any]]:
    """Make rows of which many cells are missing."""
    table = rows(count)
    rng = np.random.default_rng(1)
    for row in table:
        for name in SCHEMA.fields:
            if rng.random() < 0.3:
                row[name] = None
    return table


def assert_same(one: Batch, other: Batch) -> None:
    assert one.rows == other.rows
    assert list(one.columns) == list(other.columns)
    for name, column in one.columns.items():
        for part in ("values", "mask", "present"):
            ours, theirs = getattr(column, part), getattr(other.columns[name], part)
            assert ours.dtype == theirs.dtype, name
            assert torch.equal(ours, theirs), (name, part)


TABLE = gaps()
PREP = Preprocess.fit(SimpleTable(TABLE, SCHEMA))
SHELVES = {
    budget: Shelf.of(PREP, SimpleTable(TABLE, SCHEMA), budget_bytes=budget)
    for budget in (0, 3_000, 10**9)
}


@pytest.mark.parametrize("budget", SHELVES)
@given(places=st.lists(st.integers(0, COUNT - 1), max_size=9))
@settings(max_examples=25, deadline=None)
def test_a_batch_off_the_shelf_is_that_of_the_rows(budget: int, places: list[int]) -> None:
    shelf = SHELVES[budget]
    clean = [PREP.read(TABLE[place], place, Ledger()) for place in places]
    assert_same(shelf.batch(places), PREP.collate(clean, places))


def test_blocks_leave_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensorium.preprocess.shelf.BLOCK", 7)
    seen: list[int] = []
    shelf = Shelf.of(PREP, SimpleTable(TABLE, SCHEMA), budget_bytes=2_000, on_row=seen.append)
    assert seen == [7, 14, 21, 28, 30]
    order = np.random.default_rng(0).permutation(COUNT)
    assert_same(shelf.batch(order), SHELVES[10**9].batch(order))


def test_what_is_present_is_known() -> None:
    shelf = SHELVES[10**9]
    assert len(shelf) == COUNT
    for name in SCHEMA.fields:
        assert shelf.present[name].tolist() == [row[name] is not None for row in TABLE]
        assert not shelf.damaged[name].any()


def test_row_ids_are_the_tables() -> None:
    table = SimpleTable(TABLE, SCHEMA).take([5, 3, 8])
    shelf = Shelf.of(PREP, table)
    assert shelf.row_ids == (5, 3, 8)
    assert shelf.batch([2, 0]).rows == (8, 5)


def test_damaged_cells_are_absent_and_all_in_the_ledger() -> None:
    table = rows(COUNT)
    bad = damage(table)
    ledger = Ledger()
    shelf = Shelf.of(PREP, SimpleTable(table, SCHEMA), ledger)
    assert places(ledger) == bad
    assert [fault.row for fault in shelf.faults] == [2, 5, 7]
    for row, column in bad:
        assert shelf.damaged[column][row]
        assert not shelf.present[column][row]
    assert sum(int(marks.sum()) for marks in shelf.damaged.values()) == len(bad)
    assert len(shelf) == COUNT


def test_a_ledger_that_knows_a_cell_already_changes_nothing() -> None:
    table = rows(COUNT)
    bad = damage(table)
    ledger = Ledger()
    for _ in range(2):
        shelf = Shelf.of(PREP, SimpleTable(table, SCHEMA), ledger)
        assert len(shelf.faults) == len(bad)
    assert len(ledger) == len(bad)


def test_the_policy_error_names_every_cell_of_the_table() -> None:
    table = rows(COUNT)
    bad = damage(table)
    prep = Preprocess.fit(SimpleTable(rows(COUNT), SCHEMA), damaged="error")
    ledger = Ledger()
    with pytest.raises(TableError) as fault:
        Shelf.of(prep, SimpleTable(table, SCHEMA), ledger)
    assert {(f.row, f.column) for f in fault.value.faults} == bad
    assert places(ledger) == bad


def test_the_policy_skip_leaves_rows_out() -> None:
    table = rows(COUNT)
    damage(table)
    prep = Preprocess.fit(SimpleTable(rows(COUNT), SCHEMA), damaged="skip")
    shelf = Shelf.of(prep, SimpleTable(table, SCHEMA, range(100, 100 + COUNT)))
    kept = [row for row in range(COUNT) if row not in (2, 5, 7)]
    assert shelf.kept.tolist() == kept
    assert len(shelf) == COUNT - 3
    assert shelf.row_ids == tuple(100 + row for row in kept)
    assert all(len(marks) == COUNT - 3 for marks in shelf.present.values())
    clean = [prep.read(table[row], row, Ledger()) for row in kept]
    assert_same(shelf.batch(range(COUNT - 3)), prep.collate(clean, shelf.row_ids))


def test_lengths_are_shares_of_the_longest() -> None:
    table = rows(COUNT)
    shelf = Shelf.of(PREP, SimpleTable(table, SCHEMA))
    assert shelf.lengths.max() == 1_000
    assert len(shelf.lengths) == COUNT
    clip = np.array([min(100, 60 + i) for i in range(COUNT)])
    pulse = np.array([5 + i % 3 for i in range(COUNT)])
    words = np.array(
        [c.mask.sum().item() for c in (PREP.steps["words"]([r["words"]]) for r in table)]
    )
    expected = np.max([side * 1_000 // side.max() for side in (clip, pulse, words)], 0)
    assert shelf.lengths.tolist() == expected.tolist()
    plain = Schema(inputs={"price": Number(), "photo": Image(size=8)})
    prep = Preprocess.fit(SimpleTable(table, plain))
    assert not Shelf.of(prep, SimpleTable(table, plain)).lengths.any()


def test_cells_are_read_once_and_the_file_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = Schema(inputs={"photo": Image(size=8)})
    table = SimpleTable(rows(COUNT), schema)
    prep = Preprocess.fit(table)
    step = prep.steps["photo"]
    count = []
    read = step.read

    def counted(cell: Any) -> Any:
        count.append(1)
        return read(cell)

    monkeypatch.setattr(step, "read", counted)
    shelf = Shelf.of(prep, table, budget_bytes=0, folder=tmp_path)
    (file,) = tmp_path.rglob("rows")
    assert file.stat().st_size == COUNT * 3 * 8 * 8
    for _ in range(3):
        shelf.batch(range(COUNT))
    assert len(count) == COUNT


def test_a_table_without_rows_gives_an_empty_shelf() -> None:
    shelf = Shelf.of(PREP, SimpleTable([], SCHEMA))
    assert len(shelf) == 0
    assert shelf.lengths.tolist() == []
    assert len(shelf.batch([])) == 0


def test_a_file_of_many_rows_is_decoded_once_and_its_damage_told_of_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    Picture.fromarray(np.full((8, 8, 3), 7, np.uint8)).save(good)
    bad.write_bytes(good.read_bytes()[:40])
    schema = Schema({"photo": Image(size=8)})
    named = [{"photo": str(good if n % 3 else bad)} for n in range(9)]
    table = sm.read(named).with_schema(schema)
    prep = Preprocess.fit(table, damaged="absent")
    reads = []
    step = prep.steps["photo"]
    plain = step.read
    monkeypatch.setattr(step, "read", lambda cell: reads.append(cell) or plain(cell))
    shelf = Shelf.of(prep, table)
    assert sorted(map(str, reads)) == sorted([str(good), str(bad)])
    assert [fault.row for fault in shelf.faults] == [0, 3, 6]
    there = shelf.batch(range(9)).columns["photo"].present.tolist()
    assert there == [bool(n % 3) for n in range(9)]
