"""What cannot be answered is refused in words, in every store, and changes nothing."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import sensorium as sm
from sensorium import encoders, fusion
from sensorium.cli.main import app
from sensorium.core.errors import PartError, PlanError, TableError
from sensorium.search import Index

NAMES = {"review": encoders.WordVectors, "price": encoders.Numbers}


def model_of(mixed: Any, task: Any, *targets: str) -> sm.Model:
    inputs = {"review": sm.Text(max_tokens=16), "price": sm.Number()}
    schema = sm.Schema(inputs, {name: sm.Category() for name in targets})
    prep = sm.Preprocess.fit(sm.read(mixed.csv).with_schema(schema))
    parts = {name: part(width=16) for name, part in NAMES.items()}
    return sm.Model(prep, encoders=parts, fusion=fusion.Mean(width=16), task=task).eval()


@pytest.fixture(scope="module")
def model(mixed: Any) -> sm.Model:
    return model_of(mixed, sm.Classify("mood"), "mood")


@pytest.fixture(scope="module")
def aligned(mixed: Any) -> sm.Model:
    return model_of(mixed, sm.Align("price", "review"))


@pytest.fixture(params=["sqlite", "lancedb"])
def store(request: pytest.FixtureRequest) -> str:
    if request.param == "lancedb":
        pytest.importorskip("lancedb")
    return str(request.param)


@pytest.fixture
def index(model: sm.Model, mixed: Any, tmp_path: Path, store: str) -> Index:
    return Index.of(model, sm.read(mixed.csv), out=tmp_path / "index", store=store)


def run(*words: str) -> Any:
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


# --- conditions -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "condition",
    [
        "price < 0) OR (1=1",
        "price < 0) OR (1=1 --",
        "price < 0)) OR ((1=1",
        "price < 0\n) OR (1=1",
        "price < 0) /* ( */ OR (1=1",
        "review = ')' ) OR (1=1",
        "1) UNION SELECT 1 FROM cells WHERE (1",
        "1 UNION SELECT 1 FROM cells",
        "1 ORDER BY price",
        "price < 5 /*",
        "price < 5;",
        "price < 5; DELETE FROM cells",
        "review = 'it",
        "price < 5\0",
        "review = '\ud800'",
        "price < ?",
    ],
)
def test_what_is_no_whole_expression_deletes_and_finds_nothing(
    index: Index, condition: str
) -> None:
    for act in (index.delete, lambda where: index.search(where=where)):
        with pytest.raises(TableError, match=r"the condition .* cannot be used"):
            act(where=condition)
    assert len(index) == 48


@pytest.mark.parametrize(
    "condition",
    ["price < 9e9 --", "(price < 9e9) OR (1=0)", "price < 9e9 /* ) */", "review <> ') OR (0'"],
)
def test_brackets_and_comments_of_its_own_do_no_harm(index: Index, condition: str) -> None:
    assert len(index.search(where=condition, top=48)) == 48


@pytest.mark.parametrize("name", ["rowid", "oid", "_rowid_", "ROWID", "cells.rowid", '"rowid"'])
def test_names_that_only_the_store_knows_are_no_columns(index: Index, name: str) -> None:
    with pytest.raises(TableError, match=r"(?i)no such column: .*(rowid|oid)"):
        index.search(where=f"{name} < 3")
    with pytest.raises(TableError, match=r"no such column.*known: .*'price'"):
        index.delete(where="oid < 3")
    for quoted in ("[sensorium row]", "`sensorium row`"):
        with pytest.raises(TableError, match="no such column: sensorium row"):
            index.delete(where=f"{quoted} < 3")


def test_a_column_of_such_a_name_is_one(model: sm.Model, store: str) -> None:
    rows = [{"price": 1.0, "rowid": 7, "oid": "a"}, {"price": 2.0, "rowid": 8, "oid": "b"}]
    index = Index.of(model, sm.read(rows), store=store)
    assert [hit.key for hit in index.search(where="rowid = 8 AND oid = 'b'")] == ["1"]
    assert [hit.key for hit in index.search(where='"RowId" = 7')] == ["0"]


@pytest.mark.parametrize("blank", ["", " \n"])
def test_an_empty_condition_is_refused_wherever_it_stands(index: Index, blank: str) -> None:
    for act in (index.search, index.delete, index.near_duplicates):
        with pytest.raises(TableError, match="the condition is empty"):
            act(where=blank)
    with pytest.raises(TableError, match="the condition is empty"):
        index.delete(["0"], where=blank)
    assert len(index) == 48


# --- numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("least", "meant"), [(98, "0.98"), (float("nan"), "0.98"), (-2, "0.98")])
def test_a_similarity_that_no_pair_can_have_is_refused(
    index: Index, least: float, meant: str
) -> None:
    with pytest.raises(PartError, match=f"from -1 to 1, found .*write {meant}"):
        index.near_duplicates(least)


def test_vectors_that_are_near_to_nothing_are_refused(index: Index) -> None:
    asked = np.ones((3, 16), np.float32)
    asked[1, 4] = np.nan
    with pytest.raises(PartError, match=r"not finite.*: 1$"):
        index.nearest(asked)
    for top in (0, -3):
        with pytest.raises(PartError, match=f"top must be at least 1, found {top}"):
            index.nearest(asked[:1], top=top)


def test_a_probe_says_what_it_lacks(model: sm.Model, mixed: Any) -> None:
    table = sm.read(mixed.csv).with_schema(model.schema)
    fresh = sm.Probe(model)
    with pytest.raises(PartError, match=r"no classes yet; call fit\(table, target\)"):
        fresh.predict(table)
    with pytest.raises(PartError, match="no classes yet"):
        fresh.predict_rows(table[0])
    for strength in (-1, 0, float("nan"), float("inf")):
        with pytest.raises(PartError, match="C, a number above 0"):
            sm.Probe(model, strength=strength)
        with pytest.raises(PartError, match="the number of neighbours"):
            sm.Probe(model, kind="knn", strength=strength)
    with pytest.raises(PartError, match=r"whole number from 1 on, found 2\.5"):
        sm.Probe(model, kind="knn", strength=2.5)
    assert sm.Probe(model, kind="knn", strength=3).fit(table, "mood").predict_rows(table[0])[0]


def test_a_blank_name_stands_for_no_class(
    aligned: sm.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PartError, match="a word that stands for ' ' is blank"):
        sm.ZeroShot(aligned, "price", [" ", "frog"])
    with pytest.raises(PartError, match="a word that stands for 'toad' is blank"):
        sm.ZeroShot(aligned, "price", {"toad": ["toad", ""], "frog": ["frog"]})
    assert sm.ZeroShot(aligned, "price", ["toad", "frog"]).predict({"price": 1.0})[0]

    def mute(self: sm.ZeroShot, rows: Any, column: str) -> np.ndarray:
        return np.full((len(rows), 16), np.nan)

    monkeypatch.setattr(sm.ZeroShot, "_embedded", mute)
    with pytest.raises(PartError, match=r"(?s)no vector for these.*'a frog'"):
        sm.ZeroShot(aligned, "price", ["toad", "frog"], templates="a {}")


# --- the command line -------------------------------------------------------------------------


@pytest.fixture
def place(model: sm.Model, mixed: Any, tmp_path: Path) -> str:
    Index.of(model, sm.read(mixed.csv), out=tmp_path / "index")
    return str(tmp_path / "index")


def test_no_pair_is_said_and_written_with_a_header(place: str, tmp_path: Path) -> None:
    none = ("search", place, "--duplicates", "1", "--where", "price < -1e9")
    said = run(*none)
    assert "no two rows are so similar" in said.stderr
    assert not said.stdout
    out = tmp_path / "pairs.csv"
    run(*none, "--out", str(out))
    lines = out.read_text("utf-8").splitlines()
    assert list(csv.reader(lines)) == [["first", "second", "similarity"]]
    with pytest.raises(PartError, match=r"found 98; write 0\.98"):
        run("search", place, "--duplicates", "98")


def test_no_row_is_said_and_written_with_a_header(place: str, tmp_path: Path) -> None:
    out = tmp_path / "found.parquet"
    said = run("search", place, "--where", "price < -1e9", "--out", str(out))
    assert "no row is found" in said.stderr
    found = pq.read_table(out)
    assert found.num_rows == 0
    assert found.column_names[:2] == ["key", "score"]
    assert "price" in found.column_names
    with pytest.raises(TableError, match="cannot be used"):
        run("search", place, "--where", "price < 50) OR (1=1")


def test_a_page_has_a_name_that_browsers_open(place: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"name it .*y\.html, not .*y\.txt"):
        run("search", place, "quiet", "--sheet", str(tmp_path / "s" / "y.txt"))
    assert not (tmp_path / "s").exists()
    run("search", place, "quiet", "--sheet", str(tmp_path / "s" / "y.HTM"))
    assert (tmp_path / "s" / "y.HTM").read_text("utf-8").startswith("<!")
