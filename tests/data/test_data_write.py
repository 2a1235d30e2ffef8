"""Writing: what is written reads back, and a file appears only when it is whole."""

import pyarrow as pa
import pytest

from sensorium.core.errors import TableError
from sensorium.data import read, write

ROWS = [{"n": 1, "w": 'a, "b"\nc', "l": [1, 2]}, {"n": None, "w": "中文", "l": None}]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".arrow", ".feather"])
def test_what_is_written_reads_back(tmp_path, suffix):
    file = tmp_path / f"t{suffix}"
    write.to_file(pa.Table.from_pylist(ROWS), file)
    assert list(read(file)) == ROWS
    assert [found.name for found in tmp_path.iterdir()] == [file.name]


def test_text_for_the_screen():
    assert write.to_text(pa.table({"a": [1], "b": ["x"]})) == '"a","b"\n1,"x"\n'


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(TableError, match=r"one of \.csv"):
        write.to_file(pa.table({"a": [1]}), tmp_path / "t.xyz")
    with pytest.raises(TableError, match="there is no folder"):
        write.to_file(pa.table({"a": [1]}), tmp_path / "no" / "t.csv")
