"""JSON and JSON lines: what is a table, and every bad line named."""

import json

import pytest

from sensorium.core.errors import TableError
from sensorium.data import read

ROWS = [{"a": 1, "b": "x", "c": [1, 2]}, {"a": 2.5, "c": None}, {"b": "中文", "d": {"k": [1]}}]
WHOLE = [{"a": None, "b": None, "c": None, "d": None, **row} for row in ROWS]


@pytest.fixture
def file(tmp_path):
    def write(content: str | bytes, name: str = "table.json"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def lines(rows) -> str:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n\n"


@pytest.mark.parametrize("name", ["t.jsonl", "t.ndjson", "t.json"])
def test_json_lines_whatever_they_are_called(file, name):
    assert list(read(file(lines(ROWS), name))) == WHOLE


def test_a_list_of_objects_and_an_object_of_lists(file):
    assert list(read(file(json.dumps(ROWS)))) == WHOLE
    columns = read(file(json.dumps({"a": [1, 2], "b": ["x", None]})))
    assert list(columns) == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
    by_row = {"a": {"0": 1, "2": 2}, "b": {"0": "x", "2": None}}
    assert list(read(file(json.dumps(by_row)))) == list(columns)
    assert len(read(file(json.dumps({"a": {"0": 1}, "b": {"1": 2}})))) == 1


def test_parts_in_one_object_become_a_split_column(file):
    data = {"train": [["a b", "x"], ["c d", "y"]], "test": [["e f", "x"]]}
    table = read(file(json.dumps(data)), names=["text", "label"])
    assert table.cells("split") == ["train", "train", "test"]
    assert table.cells("label") == ["x", "y", "x"]


def test_rows_that_are_lists_need_names(file):
    path = file('[["a", 1], ["b", 2]]')
    with pytest.raises(TableError, match="names="):
        read(path)
    assert read(path, names=["w", "n"]).cells("n") == [1, 2]
    with pytest.raises(TableError, match="row 0: 2 cells"):
        read(path, names=["w"])


def test_every_bad_line_is_named(file):
    path = file('{"a": 1}\n{"a": }\n\n[1]\n{"a": 1, "a": 2}\n{"a": 4}\n', "t.jsonl")
    with pytest.raises(TableError) as caught:
        read(path)
    said = str(caught.value)
    assert "line 2: not JSON (Expecting value" in said
    assert "line 4: not an object" in said
    assert "line 5: the same name twice in one object: 'a'" in said
    assert "line 1:" not in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "is empty"),
        ("{}", "no columns"),
        ("[{}]", "no columns"),
        ("3", "no list of objects"),
        ('"text"', "no list of objects"),
        ("[1, {}]", "row 0: not a dict"),
        ('[{"a": 1},\n {"a" 2}]', "line 2, column 7"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": [1], "b": [1, 2]}', "different lengths"),
        (b'[{"a": "\xff"}]', "byte 8 of the file is not utf-8"),
        ('[{"a": "\x01"}]', "Invalid control character"),
        ("1" * 5_000, "digits"),
    ],
)
def test_what_is_no_table(file, content, said):
    with pytest.raises(TableError, match=said):
        read(file(content))


def test_odd_values_are_kept_for_the_fields_to_judge(file):
    table = read(file('[{"n": 1e999, "s": "\\ud800", "b": 123456789012345678901234567890}]'))
    assert table[0] == {"n": float("inf"), "s": "\ud800", "b": 123456789012345678901234567890}
    assert len(table.fingerprint) == 64
