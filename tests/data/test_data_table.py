"""The table: views that copy nothing, cells as they were given, paths of media, fingerprints."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image as Pillow

from sensorium.core.errors import SchemaError, TableError
from sensorium.core.schema import Category, Image, Number, Schema, Text
from sensorium.data import Table, read, stack

ROWS = [{"n": i, "word": f"w{i}", "odd": {"a": i}} for i in range(300)]
MEDIA = Schema(inputs={"photo": Image()}, targets={"label": Category()})


@pytest.fixture
def table() -> Table:
    return read(ROWS)


def test_rows_columns_and_length(table):
    assert len(table) == 300
    assert table.columns == ("n", "word", "odd")
    assert table[7] == ROWS[7]
    assert table[-1] == ROWS[-1]
    assert list(table) == ROWS
    with pytest.raises(IndexError, match="row 300 of a table of 300"):
        table[300]


def test_views_keep_row_ids_and_share_the_columns(table):
    view = table.take([9, 4, 4]).slice(1, 3)
    assert view.row_ids == (4, 4)
    assert view.cells("n") == [4, 4]
    assert table.slice(290, 400).row_ids == tuple(range(290, 300))
    assert table.take(np.array([5])).take([0])[0] == ROWS[5]
    assert view._columns["word"] is table._columns["word"]


def test_many_rows_at_once_are_the_same_as_one_by_one(table):
    places = np.random.default_rng(0).integers(0, 300, 200)
    assert table.take(places).cells("word") == [f"w{i}" for i in places]


def test_an_unknown_column_names_the_nearest(table):
    with pytest.raises(TableError, match=r"no column 'wort' \(did you mean 'word'\?\)"):
        table.cells("wort")


def test_cells_that_arrow_would_change_stay_as_they_are():
    picture = Pillow.new("RGB", (2, 2))
    array = np.arange(6).reshape(2, 3)
    rows = [{"p": picture, "a": array, "big": 2**80, "mix": 1}, {"p": None, "a": None, "mix": "x"}]
    table = read(rows)
    assert table[0]["p"] is picture
    assert table[0]["a"] is array
    assert table.cells("big") == [2**80, None]
    assert table.cells("mix") == [1, "x"]


def test_media_cells_become_absolute_paths_of_the_folder(tmp_path):
    cells = ["a.jpg", "", None, "data:image/png;base64,xx", "https://x.org/a.png", b"bytes"]
    rows = [{"photo": cell, "label": "a.jpg"} for cell in cells]
    table = read(rows, MEDIA, folder=tmp_path)
    assert table.cells("photo") == [tmp_path / "a.jpg", None, None, *cells[3:]]
    assert table[0] == {"photo": tmp_path / "a.jpg", "label": "a.jpg"}
    assert table.with_schema(None).cells("photo")[0] == "a.jpg"
    assert read([{"photo": "b.jpg", "label": "x"}], MEDIA).cells("photo") == [Path.cwd() / "b.jpg"]


def test_a_schema_names_all_columns_that_the_table_lacks(table):
    schema = Schema(inputs={"n": Number(), "wrd": Text()}, targets={"gone": Category()})
    with pytest.raises(SchemaError, match=r"(?s)'wrd' \(did you mean 'word'\?\).*'gone'"):
        table.with_schema(schema)
    partial = table.with_schema(schema, partial=True)
    assert partial.cells("gone") == [None] * 300


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(TableError, match=r"(?s)'a' has 2 rows.*'b' has 1 row"):
        Table({"a": [1, 2], "b": [1]})


def test_with_column_and_stack_and_explode(table):
    view = table.take([3, 1]).with_column("new", ["x", "y"])
    assert [(row["n"], row["new"]) for row in view] == [(3, "x"), (1, "y")]
    assert [row["n"] for row in stack([view, view])] == [3, 1, 3, 1]
    with pytest.raises(TableError, match="different columns"):
        stack([view, table])
    captions = read([{"i": 1, "c": ["a", "b"]}, {"i": 2, "c": None}, {"i": 3, "c": ["d"]}])
    assert list(captions.explode("c")) == [
        {"i": 1, "c": "a"}, {"i": 1, "c": "b"}, {"i": 3, "c": "d"}
    ]  # fmt: skip
    with pytest.raises(TableError, match="no list in 3 rows"):
        captions.explode("i")


def test_the_fingerprint_tells_content_and_nothing_else(table):
    again = Table({name: _rechunked(column) for name, column in table._columns.items()})
    assert again.fingerprint == table.fingerprint
    assert len(table.fingerprint) == 64
    twice = stack([table, table]).slice(300, 600)
    assert twice.fingerprint == table.fingerprint
    changed = read([*ROWS[:-1], {**ROWS[-1], "word": "w298"}])
    assert changed.fingerprint != table.fingerprint
    assert table.take([1, 0]).fingerprint != table.take([0, 1]).fingerprint
    nulls = read([{"a": None, "b": "x"}, {"a": 1, "b": None}])
    assert (
        nulls.take([1]).fingerprint
        == read([{"a": 1, "b": None}, {"a": None, "b": "x"}]).take([0]).fingerprint
    )


def _rechunked(column):
    if isinstance(column, list):
        return list(column)
    whole = column.combine_chunks()
    return pa.chunked_array([whole.slice(0, 100), whole.slice(100)])


def test_a_column_asked_for_like_a_row_is_told_where_it_is():
    with pytest.raises(TableError, match=r"table\.cells\('a'\)"):
        read([{"a": 1}])["a"]
    with pytest.raises(TableError, match=r"several rows are table\.slice"):
        read([{"a": 1}])[:1]
