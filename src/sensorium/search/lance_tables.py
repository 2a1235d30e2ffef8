"""The tables of an index in LanceDB: what stands in them, and how cells and files become bytes.

index/ (a folder, or object storage)
facts.lance   names and values in JSON: what the index is, the number of the next row
rows.lance    id, key, unit vector, folded words, and each cell under a mark of its kind
model.lance   the files of the model, in parts

Every change of ``rows`` is one version of that table. It knows nothing of searching.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Int64

from sensorium.core.errors import ArtifactError, ExtraError
from sensorium.search.glance import Matrix
from sensorium.search.records import kept
from sensorium.search.spoken import folded

FORMAT = 1
FACTS, ROWS, MODEL = "facts", "rows", "model"
PART = 2**24
"""Bytes of a file of the model in one row."""
SAID = 300
"""So many signs of an error of LanceDB are shown."""
TRIES = 100
"""So often numbers are asked for while other processes take them."""
FACTS_SCHEMA = pa.schema([pa.field("name", pa.string()), pa.field("value", pa.string())])
MODEL_SCHEMA = pa.schema(
    [
        pa.field("file", pa.string()),
        pa.field("part", pa.int32()),
        pa.field("bytes", pa.large_binary()),
    ]
)
Vector = Float32[np.ndarray, " width"]


def lancedb() -> Any:
    """Give the package.

    Errors:
        ExtraError: it is not installed.
    """
    try:
        import lancedb  # noqa: PLC0415  an extra, needed only where it keeps the index
    except ImportError as error:
        raise ExtraError("lancedb", "lancedb", "An index in LanceDB") from error
    return lancedb


def connected(place: Path | str) -> Any:
    """Reach the database at a place.

    Errors:
        ExtraError: the package is missing.
        ArtifactError: the place cannot be reached.
    """
    package = lancedb()
    try:
        return package.connect(place)
    except (ValueError, OSError, RuntimeError) as error:
        msg = f"{place} cannot be reached ({_briefly(error)})"
        raise ArtifactError(msg) from error


def opened(base: Any, name: str, place: str | Path) -> Any:
    """Open a table.

    Errors:
        ArtifactError: there is none, or it cannot be reached.
    """
    try:
        return base.open_table(name)
    except (ValueError, OSError, RuntimeError) as error:
        msg = f"{place} is no index: it has no table {name!r} ({_briefly(error)})"
        raise ArtifactError(msg) from error


def _briefly(error: Exception) -> str:
    return shorten(str(error), SAID, placeholder=" ...")


# --- facts ------------------------------------------------------------------------------------


def read_facts(table: Any) -> dict[str, Any]:
    """Read all facts."""
    found = table.search().to_arrow().to_pylist()
    return {line["name"]: json.loads(line["value"]) for line in found}


def note(table: Any, facts: Mapping[str, Any]) -> None:
    """Write facts, in one change."""
    lines = [{"name": name, "value": json.dumps(value)} for name, value in facts.items()]
    merging = table.merge_insert("name").when_matched_update_all().when_not_matched_insert_all()
    merging.execute(pa.Table.from_pylist(lines, FACTS_SCHEMA))


def reserve(table: Any, count: int) -> int:
    """Take numbers for new rows; no process is given the same. Give the first of them.

    Errors:
        ArtifactError: other processes never let it through.
    """
    for _ in range(TRIES):
        table.checkout_latest()
        first = int(read_facts(table)["next"])
        condition = f"name = 'next' AND value = '{first}'"  # another's change makes it fail
        if table.update(condition, {"value": str(first + count)}).rows_updated:
            return first
    msg = f"other processes changed the index {TRIES} times meanwhile; try again"
    raise ArtifactError(msg)


# --- rows -------------------------------------------------------------------------------------


def rows_schema(columns: int, width: int) -> pa.Schema:
    """Say what stands in a row; the cells are named by numbers, for Lance refuses some names."""
    cells = [pa.field(f"cell_{number}", pa.large_binary()) for number in range(columns)]
    return pa.schema(
        [
            pa.field("id", pa.int64(), nullable=False),
            pa.field("key", pa.string(), nullable=False),
            pa.field("vector", pa.list_(pa.float32(), width)),
            pa.field("words", pa.large_string()),
            *cells,
        ]
    )


def lines(
    schema: pa.Schema,
    first: int,
    keys: Sequence[str],
    rows: Sequence[tuple[Sequence[Any], str]],
    vectors: Mapping[int, Vector],
) -> pa.Table:
    """Lay rows out as Lance keeps them; their ids are counted from ``first``."""
    width = schema.field("vector").type.list_size
    matrix = np.zeros((len(rows), width), np.float32)
    for number, vector in vectors.items():
        matrix[number] = vector
    absent = np.array([number not in vectors for number in range(len(rows))], np.bool_)
    numbers = pa.array(matrix.reshape(-1))
    cells = [[coded(line[n]) for line, _ in rows] for n in range(len(schema) - 4)]
    arrays = [
        pa.array(np.arange(first, first + len(rows), dtype=np.int64)),
        pa.array(keys, pa.string()),
        pa.FixedSizeListArray.from_arrays(numbers, width, mask=pa.array(absent)),
        pa.array([folded(words.partition("\0")[0]) for _, words in rows], pa.large_string()),
        *(pa.array(column, pa.large_binary()) for column in cells),
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def vectors_in(batch: pa.RecordBatch, width: int) -> tuple[Int64[np.ndarray, " _"], Matrix]:
    """Give the ids of rows that have a vector, and their vectors."""
    column = batch.column("vector")
    there = column.is_valid().to_numpy(zero_copy_only=False)
    matrix = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    return batch.column("id").to_numpy()[there], matrix


def coded(cell: Any) -> bytes | None:
    """Write a cell as bytes behind a mark: its kind comes back too."""
    value = kept(cell)
    if value is None or isinstance(value, bytes):
        return value if value is None else b"b" + value
    if isinstance(value, str):
        return b"s" + value.encode()
    return (b"f" if isinstance(value, float) else b"i") + repr(+value).encode()


def decoded(cell: bytes | None) -> Any:
    """Read what ``coded`` wrote."""
    if cell is None:
        return None
    mark, value = cell[:1], cell[1:]
    if mark == b"b":
        return value
    text = value.decode()
    return text if mark == b"s" else float(text) if mark == b"f" else int(text)


# --- the model --------------------------------------------------------------------------------


def keep_files(base: Any, folder: Path) -> None:
    """Write the files of a folder into a table."""

    def parts() -> Iterator[pa.RecordBatch]:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            name, number = file.relative_to(folder).as_posix(), 0
            with file.open("rb") as stream:
                while (some := stream.read(PART)) or number == 0:
                    line = {"file": name, "part": number, "bytes": some}
                    yield pa.RecordBatch.from_pylist([line], MODEL_SCHEMA)
                    number += 1

    base.create_table(MODEL, pa.RecordBatchReader.from_batches(MODEL_SCHEMA, parts()))


def bring_files(table: Any, folder: Path) -> None:
    """Write the files of a table into a folder.

    Errors:
        ArtifactError: a name that leads out of the folder.
    """
    head = table.search().select(["file", "part"]).to_arrow().to_pylist()
    for name, part in sorted((line["file"], line["part"]) for line in head):
        file = folder / name
        if not file.resolve().is_relative_to(folder.resolve()):
            msg = f"the model has a file {name!r}, which leads out of its folder; do not open it"
            raise ArtifactError(msg)
        file.parent.mkdir(parents=True, exist_ok=True)
        which = f"file = {text(name)} AND part = {part}"
        found = table.search().where(which).select(["bytes"]).to_arrow()
        with file.open("ab") as stream:
            stream.write(found.column("bytes")[0].as_py())


def text(value: str) -> str:
    """Write a text so that SQL takes it as one."""
    return "'" + value.replace("'", "''") + "'"
