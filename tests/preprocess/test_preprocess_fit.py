"""Preprocess: fitting, policies, the ledger, and what is saved."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from simple_table import SimpleTable

from sensorium.core.errors import ArtifactError, SchemaError, TableError
from sensorium.core.faults import Ledger
from sensorium.core.schema import (
    Audio,
    Category,
    Date,
    Flag,
    Image,
    Number,
    Schema,
    Series,
    Text,
    Vector,
)
from sensorium.data import read
from sensorium.preprocess import Preprocess

SCHEMA = Schema(
    inputs={
        "words": Text(),
        "photo": Image(size=8),
        "clip": Audio(rate=1_000, seconds=0.1),
        "price": Number(scaling="log"),
        "shop": Category(least=2),
        "open": Flag(),
        "day": Date(),
        "pulse": Series(),
        "facts": Vector(),
    },
    targets={"mood": Category(least=2), "tags": Category(many=True)},
)


def rows(count: int = 12) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    return [
        {
            "words": f"number {i}",
            "photo": rng.integers(0, 256, (9, 12, 3), dtype=np.uint8),
            "clip": rng.uniform(-0.5, 0.5, 60 + i).astype(np.float32),
            "price": 10.0**i,
            "shop": ["north", "south", f"rare{i}"][i % 3],
            "open": i % 2 == 0,
            "day": f"2024-{i % 12 + 1:02d}-01",
            "pulse": rng.normal(size=(5 + i % 3, 2)),
            "facts": rng.normal(size=3),
            "mood": ["glad", "sad", "calm", "calm"][i % 4],
            "tags": ["a", "b"][: i % 3],
            "ignored": object(),
        }
        for i in range(count)
    ]


def damage(table: list[dict[str, Any]]) -> set[tuple[int, str]]:
    """Damage one cell in each of three rows."""
    table[2]["price"] = "dear"
    table[5]["photo"] = b"no picture"
    table[7]["facts"] = [1.0]
    return {(2, "price"), (5, "photo"), (7, "facts")}


def places(ledger: Ledger) -> set[tuple[Any, str]]:
    return {(fault.row, fault.column) for fault in ledger}


def test_every_column_of_the_schema_is_in_the_batch() -> None:
    table = rows()
    prep = Preprocess.fit(SimpleTable(table, SCHEMA))
    batch = prep(table)
    assert list(batch.columns) == list(SCHEMA.fields)
    assert batch.rows == tuple(range(12))
    for name, column in batch.columns.items():
        assert column.present.all(), name
        assert len(column.values) == 12


def test_a_real_table_is_taken_as_well() -> None:
    names = ("price", "shop", "mood")
    table = read([{name: row[name] for name in names} for row in rows()])
    schema = Schema(inputs={"price": Number(), "shop": Category()}, targets={"mood": Category()})
    prep = Preprocess.fit(table, schema)
    batch = prep([table[0], table[3]])
    assert batch.columns["price"].present.all()


def test_missing_targets_and_columns_are_absent_and_others_left_out() -> None:
    prep = Preprocess.fit(SimpleTable(rows(), SCHEMA))
    batch = prep([{"words": "hello", "price": None, "unasked": 3}])
    assert "unasked" not in batch.columns
    present = {name for name, column in batch.columns.items() if column.present.any()}
    assert present == {"words"}


def test_targets_keep_rare_classes() -> None:
    prep = Preprocess.fit(SimpleTable(rows(), SCHEMA))
    assert prep.steps["shop"].state()["classes"] == ["north", "south"]
    table = [*rows(), {**rows()[0], "mood": "unique"}]
    assert "unique" in Preprocess.fit(SimpleTable(table, SCHEMA)).steps["mood"].state()["classes"]


def test_damaged_cells_are_absent_and_in_the_ledger() -> None:
    table = rows()
    bad = damage(table)
    ledger = Ledger()
    prep = Preprocess.fit(SimpleTable(table, SCHEMA), ledger=ledger)
    assert places(ledger) == {(2, "price"), (7, "facts")}  # pictures have nothing to teach
    batch = prep(table, ledger)
    assert places(ledger) == bad
    for row, column in bad:
        assert not batch.columns[column].present[row]
    assert sum(int((~c.present).sum()) for c in batch.columns.values()) == len(bad)


def test_damaged_cells_raise_one_error_that_names_them_all() -> None:
    table = rows()
    bad = damage(table)
    with pytest.raises(TableError) as fault:
        Preprocess.fit(SimpleTable(table, SCHEMA), damaged="error")
    assert {(f.row, f.column) for f in fault.value.faults} == bad - {(5, "photo")}
    prep = Preprocess.fit(SimpleTable(rows(), SCHEMA), damaged="error")
    with pytest.raises(TableError, match="3 damaged cells") as fault:
        prep(table)
    assert {(f.row, f.column) for f in fault.value.faults} == bad
    assert "row 2, column 'price'" in str(fault.value)


def test_rows_with_damaged_cells_are_skipped() -> None:
    table = rows()
    damage(table)
    prep = Preprocess.fit(SimpleTable(rows(), SCHEMA), damaged="skip")
    batch = prep(table)
    assert batch.rows == (0, 1, 3, 4, 6, 8, 9, 10, 11)
    whole = Preprocess.fit(SimpleTable(rows(), SCHEMA))(table)
    kept = torch.tensor(batch.rows)
    for name, column in batch.columns.items():
        time = column.mask.shape[1]
        assert torch.equal(column.mask, whole.columns[name].mask[kept][:, :time])


def test_faults_carry_the_tables_own_row_numbers_and_file_names() -> None:
    table = rows()
    table[3]["pulse"] = "no/such.npy"
    table[4]["facts"] = "a/b.txt"
    ledger = Ledger()
    Preprocess.fit(SimpleTable(table, SCHEMA, range(100, 112)), ledger=ledger)
    found = {fault.column: fault for fault in ledger}
    assert (found["pulse"].row, found["pulse"].file) == (103, "no/such.npy")
    assert (found["facts"].row, found["facts"].file) == (104, "")


def test_only_a_sample_of_costly_cells_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    schema = Schema(inputs={"pulse": Series(), "price": Number()})
    table = [{"pulse": [[float(i)]], "price": i} for i in range(1_000)]

    def fitted(seed: int) -> Preprocess:
        return Preprocess.fit(SimpleTable(table, schema), seed=seed)

    first, again, other = fitted(0), fitted(0), fitted(1)
    assert first.state() == again.state()
    assert first.steps["pulse"].state() != other.steps["pulse"].state()
    assert first.steps["price"].state() == other.steps["price"].state()
    mean = first.steps["pulse"].state()["mean"][0]
    assert 400 < mean < 600
    assert mean != 499.5
    assert first.steps["price"].state()["scaling"]["mean"] == 499.5


def test_a_sample_holds_cells_however_rare_they_are() -> None:
    schema = Schema(inputs={"pulse": Series(), "facts": Vector()})
    table: list[dict[str, Any]] = [{"pulse": None, "facts": None} for _ in range(9_000)]
    table[4_321] = {"pulse": [[1.0, 2.0], [3.0, 4.0]], "facts": [1.0, 2.0, 3.0]}
    prep = Preprocess.fit(SimpleTable(table, schema))
    assert prep.steps["pulse"].layout.channels == 2
    assert prep.steps["facts"].layout.channels == 3


def test_state_comes_back_to_the_bit() -> None:
    table = rows()
    prep = Preprocess.fit(SimpleTable(table, SCHEMA), damaged="skip")
    state = json.loads(json.dumps(prep.state(), allow_nan=False))
    again = Preprocess.restore(state)
    assert again.schema == SCHEMA
    assert again.damaged == "skip"
    assert again.state() == prep.state()
    one, other = prep(table), again(table)
    for name in SCHEMA.fields:
        assert torch.equal(one.columns[name].values, other.columns[name].values)
        assert torch.equal(one.columns[name].mask, other.columns[name].mask)


def test_a_state_that_is_not_whole_is_refused() -> None:
    state = Preprocess.fit(SimpleTable(rows(), SCHEMA)).state()
    for broken in (
        {},
        {**state, "steps": {}},
        {**state, "damaged": "perhaps"},
        {**state, "schema": {"part": "os.system"}},
        {**state, "steps": {**state["steps"], "price": {"edges": 3}}},
    ):
        with pytest.raises(ArtifactError, match="not whole"):
            Preprocess.restore(broken)


def test_fitting_refuses_what_cannot_be_learned_from() -> None:
    table = rows()
    with pytest.raises(SchemaError, match="no schema"):
        Preprocess.fit(SimpleTable(table))
    with pytest.raises(SchemaError, match="did you mean 'price'"):
        Preprocess.fit(SimpleTable(table), Schema(inputs={"prise": Number()}))
    with pytest.raises(TableError, match="no rows"):
        Preprocess.fit(SimpleTable([]), SCHEMA)
    nothing = [{**row, "mood": None} for row in table]
    with pytest.raises(TableError, match="target 'mood' is missing in every row"):
        Preprocess.fit(SimpleTable(nothing, SCHEMA))
    with pytest.raises(TableError, match="column 'words' has no cell that can be read as Number"):
        Preprocess.fit(SimpleTable(table), Schema(inputs={"words": Number()}))
