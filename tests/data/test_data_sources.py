"""Every other source: Arrow, Parquet, npz, folders, frames, datasets, lists, and what is none."""

from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pytest
from PIL import Image as Pillow
from pyarrow import feather, parquet

from sensorium.core.errors import TableError
from sensorium.data import read
from sensorium.data.read import FORMS
from sensorium.data.readers import packed

ROWS = [{"n": 1, "w": "x", "when": datetime(2024, 1, 2)}, {"n": None, "w": "y", "when": None}]


def picture(file, colour="red", size=(8, 8)):
    file.parent.mkdir(parents=True, exist_ok=True)
    Pillow.new("RGB", size, colour).save(file)
    return file


@pytest.mark.parametrize("suffix", [".parquet", ".pq", ".arrow", ".feather", ".ipc"])
def test_columnar_files(tmp_path, suffix):
    file = tmp_path / f"t{suffix}"
    whole = pa.Table.from_pylist(ROWS)
    if suffix in (".parquet", ".pq"):
        parquet.write_table(whole, file)
    elif suffix == ".ipc":
        with pa.ipc.new_stream(str(file), whole.schema) as stream:
            stream.write_table(whole)
    else:
        feather.write_feather(whole, str(file))
    table = read(file)
    assert list(table) == ROWS
    assert table.folder == tmp_path
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(TableError, match="cannot be read as"):
        read(file)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_packed_files(tmp_path, suffix):
    text, file = "n,photo\n1,a.png\n2,b.png\n", tmp_path / f"t.csv{suffix}"
    with packed.OPENERS[suffix](file, "wt") as stream:
        stream.write(text)
    table = read(file)
    assert list(table) == [{"n": 1, "photo": "a.png"}, {"n": 2, "photo": "b.png"}]
    assert table.folder == tmp_path
    with pytest.raises(TableError, match="holds more than 8 bytes"):
        packed.read(file, read, most=8)
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(TableError, match="bring a whole copy of it"):
        read(file)
    with packed.OPENERS[suffix](file, "wt") as stream:
        stream.write(text + "3\n")
    with pytest.raises(TableError) as fault:
        read(file)
    assert str(fault.value).startswith(f"{file} cannot be read:")
    assert "line 4: 1 column, the header has 2" in str(fault.value)


def test_arrow_kinds_without_kin_in_python():
    media = pa.array([{"bytes": b"x", "path": "a"}, {"bytes": None, "path": "b"}, None])
    table = read(
        pa.table(
            {
                "word": pa.array(["a", "b", None]).dictionary_encode(),
                "price": pa.array([Decimal(1), Decimal(2), Decimal(3)]),
                "ns": pa.array([1_000, None, 2_000_000], pa.timestamp("ns")),
                "media": media,
                "point": pa.array([{"x": 1}, None, {"x": 2}]),
            }
        )
    )
    assert table.cells("word") == ["a", "b", None]
    assert table.cells("price") == [1.0, 2.0, 3.0]
    assert table.cells("ns")[0] == datetime(1970, 1, 1, microsecond=1)
    assert table.cells("media") == [b"x", "b", None]
    assert table.cells("point") == [{"x": 1}, None, {"x": 2}]
    with pytest.raises(TableError, match=r"column 'a', 2 times"):
        read(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]))
    with pytest.raises(TableError, match="0 rows"):
        read(pa.table({"a": pa.array([], pa.int64())}))


def test_arrow_objects_in_memory():
    whole = pa.Table.from_pylist(ROWS)
    assert list(read(whole.to_batches()[0])) == ROWS
    assert list(read(pa.dataset.dataset(whole))) == ROWS
    with pytest.raises(TableError, match="Int64Array is no table"):
        read(pa.array([1]))


def test_numpy_archives(tmp_path):
    pictures = np.arange(4 * 9, dtype=np.uint8).reshape(4, 3, 3)
    np.savez(tmp_path / "a.npz", x=pictures, y=np.array([[0], [1], [0], [1]]))
    table = read(tmp_path / "a.npz")
    assert np.array_equal(table[2]["x"], pictures[2])
    assert table.cells("y") == [0, 1, 0, 1]
    np.savez(tmp_path / "b.npz", train_x=pictures, val_x=pictures[:1])
    assert read(tmp_path / "b.npz").cells("split") == ["train"] * 4 + ["val"]
    np.savez(tmp_path / "c.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(TableError, match="cannot be read as a NumPy archive"):
        read(tmp_path / "c.npz")


def test_a_folder_of_class_folders(tmp_path):
    for name in ("cat/b.png", "cat/a.png", "dog/c.JPG"):
        picture(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "cat" / ".hidden.png").write_bytes(b"")
    table = read(tmp_path)
    assert list(table) == [
        {"image": "cat/a.png", "label": "cat"},
        {"image": "cat/b.png", "label": "cat"},
        {"image": "dog/c.JPG", "label": "dog"},
    ]
    assert table.folder == tmp_path


def test_folders_of_parts_and_a_flat_folder(tmp_path):
    for name in ("train/cat/a.png", "val/cat/b.png", "test/dog/c.png"):
        picture(tmp_path / name)
    table = read(tmp_path)
    assert table.cells("split") == ["test", "train", "valid"]
    assert table.cells("label") == ["dog", "cat", "cat"]
    assert read(tmp_path / "train" / "cat").columns == ("image",)


def test_a_folder_that_brings_its_table(tmp_path):
    picture(tmp_path / "img" / "a.png")
    (tmp_path / "metadata.csv").write_text("file_name,label\nimg/a.png,x\n")
    assert list(read(tmp_path)) == [{"file_name": "img/a.png", "label": "x"}]
    (tmp_path / "table.jsonl").write_text('{"image": "img/a.png"}\n')
    assert read(tmp_path).columns == ("image",)
    assert read(tmp_path, form="folder").columns == ("image", "label")


def test_shards_in_a_folder_are_stacked(tmp_path):
    for place in range(3):
        parquet.write_table(pa.table({"n": [place]}), tmp_path / f"part-{place}.parquet")
    assert read(tmp_path).cells("n") == [0, 1, 2]


def test_folders_without_a_table_or_mixed(tmp_path):
    with pytest.raises(TableError, match="holds no table and no folders of pictures"):
        read(tmp_path)
    picture(tmp_path / "a" / "a.png")
    (tmp_path / "a" / "a.wav").write_bytes(b"")
    with pytest.raises(TableError, match=r"mixes kinds of files"):
        read(tmp_path)


def test_pandas():
    pandas = pytest.importorskip("pandas")
    array = np.zeros((2, 2))
    frame = pandas.DataFrame(
        {
            "n": pandas.array([1, None], dtype="Int64"),
            "f": [1.5, float("nan")],
            "w": ["a", None],
            "c": pandas.Categorical(["x", "y"]),
            "t": pandas.to_datetime(["2024-01-02", None]),
            "o": [array, None],
            "m": [1, "a"],
        },
        index=[7, 9],
    )
    rows = list(read(frame))
    assert rows[0] == {"n": 1, "f": 1.5, "w": "a", "c": "x", "t": datetime(2024, 1, 2),
                       "o": array, "m": 1}  # fmt: skip
    assert rows[1] == {"n": None, "f": None, "w": None, "c": "y", "t": None, "o": None, "m": "a"}
    with pytest.raises(TableError, match="same name"):
        read(pandas.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(TableError, match="is empty"):
        read(frame.iloc[:0])


def test_polars():
    polars = pytest.importorskip("polars")
    thing = object()
    frame = polars.DataFrame({"n": [1, None], "w": ["a", "b"], "l": [[1, 2], None]})
    rows = [{"n": 1, "w": "a", "l": [1, 2]}, {"n": None, "w": "b", "l": None}]
    assert list(read(frame)) == rows
    assert list(read(frame.lazy())) == rows
    odd = polars.DataFrame({"o": polars.Series([thing, thing], dtype=polars.Object)})
    assert read(odd)[0]["o"] is thing


def test_datasets_stay_undecoded_and_classes_get_their_names(tmp_path):
    datasets = pytest.importorskip("datasets")
    file = picture(tmp_path / "a.png")
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}
    )
    data = datasets.Dataset.from_dict(
        {"image": [str(file), Pillow.new("RGB", (4, 4))], "label": [1, 0]}, features=features
    )
    table = read(data)
    assert table.cells("label") == ["dog", "cat"]
    assert table.cells("image")[0] == str(file)
    assert table.cells("image")[1].startswith(b"\x89PNG")
    assert read(data.select([1])).cells("label") == ["cat"]
    parts = read(datasets.DatasetDict({"train": data, "test": data.select([0])}))
    assert parts.cells("split") == ["train", "train", "test"]
    with pytest.raises(TableError, match="streaming"):
        read(data.to_iterable_dataset())


def test_lists_of_dicts_and_dicts_of_lists():
    assert list(read({"a": [1, 2], "b": np.array(["x", "y"])})) == [
        {"a": 1, "b": "x"},
        {"a": 2, "b": "y"},
    ]
    table = read([{"a": 1}])
    assert read(table) is table
    with pytest.raises(TableError, match=r"(?s)row 1: not a dict but of type int.*row 2"):
        read([{"a": 1}, 3, None])
    with pytest.raises(TableError, match=r"column 'a' is a str"):
        read({"a": "abc", "b": [1]})


def test_several_files_are_stacked(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text(f"w\n{name}\n")
    assert read([tmp_path / "a.csv", str(tmp_path / "b.csv")]).cells("w") == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("t.pkl", "a stranger's code"),
        ("t.xlsx", "save the sheet as CSV"),
        ("t.tar.gz", "unpack it first"),
        ("t.what", "the suffix '.what' tells no form"),
    ],
)
def test_files_that_are_not_read_say_what_to_do(tmp_path, name, said):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(TableError, match=said):
        read(tmp_path / name)


def test_forms_are_told_or_named(tmp_path):
    (tmp_path / "t.what").write_text("a,b\n1,2\n")
    assert read(tmp_path / "t.what", form="csv").columns == ("a", "b")
    with pytest.raises(TableError, match=r"no form 'cvs' \(did you mean 'csv'\?\)"):
        read(tmp_path / "t.what", form="cvs")
    assert list(FORMS) == sorted(FORMS)
    with pytest.raises(TableError, match="of type int is no table"):
        read(3)


def test_pandas_dtypes_without_kin():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "month": pandas.period_range("2024-01", periods=3, freq="M"),
            "bin": pandas.cut([0.1, 1.5, float("nan")], [0, 1, 2]),
            "took": pandas.to_timedelta([1, 90, None], unit="s"),
            "whole": [1.0, float("nan"), 3.0],
            "parts": [1.5, float("nan"), 3.0],
            "huge": [1e300, float("nan"), 1.0],
        }
    )
    table = read(frame)
    assert table.cells("month")[1] == datetime(2024, 2, 1)
    assert table.cells("bin") == ["(0, 1]", "(1, 2]", None]
    assert table.cells("took") == [1.0, 90.0, None]
    assert table.cells("whole") == [1, None, 3]
    assert all(type(cell) is int for cell in table.cells("whole") if cell)
    assert table.cells("parts") == [1.5, None, 3.0]
    assert table.cells("huge") == [1e300, None, 1.0]
    with pytest.raises(TableError, match="Series is no table; give a DataFrame"):
        read(frame["whole"])


def test_spans_of_time_are_seconds():
    spans = [timedelta(minutes=2), None, timedelta(milliseconds=250)]
    assert read({"took": spans}).cells("took") == [120.0, None, 0.25]
    for unit in ("s", "ms", "us", "ns"):
        cells = read(pa.table({"took": pa.array([7, None], pa.duration(unit))})).cells("took")
        assert cells == [pytest.approx(7 / {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}[unit]), None]
