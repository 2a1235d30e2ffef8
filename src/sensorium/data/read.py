"""``read``: one door for every source; chooses the reader by type, suffix and content."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorium.core.errors import TableError, nearest
from sensorium.core.schema import Schema
from sensorium.data.readers import (
    coco,
    columnar,
    delimited,
    frames,
    jsonfile,
    packed,
    records,
    vqa,
)  # fmt: skip
from sensorium.data.readers import (
    folder as folders,
)
from sensorium.data.readers import (
    urls as web,
)
from sensorium.data.table import Table, stack


@dataclass(frozen=True, slots=True)
class Options:
    """How files are to be read; see ``read``."""

    encoding: str | None = None
    names: Sequence[str] | None = None
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table's file and how to read it: for whoever takes what ``read`` takes, and for plans.

    Attributes:
        path: the file or folder.
        encoding: see ``read``.
        folder: see ``read``.
        urls: see ``read``.
    """

    path: Path | str
    encoding: str | None = None
    folder: Path | str | None = None
    urls: bool = False

    @property
    def reading(self) -> dict[str, Any]:
        """The keywords of ``read`` that say something."""
        place = self.folder and str(Path(self.folder).expanduser().absolute())
        every = {"encoding": self.encoding, "folder": place, "urls": self.urls}
        return {name: value for name, value in every.items() if value}


def read(
    source: Any,
    schema: Schema | None = None,
    *,
    form: str | None = None,
    urls: bool = False,
    folder: Path | str | None = None,
    encoding: str | None = None,
    names: Sequence[str] | None = None,
) -> Table:
    """Read a table.

    Args:
        source: a file (CSV, TSV, JSON, JSON lines, also with .gz, .bz2 or .xz behind; Parquet,
            Arrow, Feather, npz, COCO captions, VQA questions), a folder (of class folders, or one
            that brings its table), several files of the same columns, a pandas or polars frame,
            an Arrow table, a Hugging Face dataset, a list of dicts, a dict of lists, a
            ``TableFile``, or a Table.
        schema: which columns go in and out.
        form: the file's form (a key of ``FORMS``) where its suffix or content does not tell it;
            ``"coco-pairs"`` gives one row a caption.
        urls: download the pictures and sounds that cells name by http(s) URL.
        folder: where relative file names in cells start; by default the file's own folder.
        encoding: a text file's encoding; by default UTF-8, or as its byte order mark says.
        names: the columns' names, for a CSV file without a header line or JSON rows that are lists.

    Errors:
        TableError: names every fault that was found.
        SchemaError: names every column that the table lacks.
    """
    if isinstance(source, TableFile):
        return read(source.path, schema, form=form, names=names, **source.reading)
    place = None if folder is None else Path(folder)
    table = _table(source, form, Options(encoding, names, place))
    if place is not None:
        table = table.with_folder(place)
    if urls:
        table = web.download(table, schema)
    return table if schema is None else table.with_schema(schema)


def _table(source: Any, form: str | None, options: Options) -> Table:
    if isinstance(source, Table):
        return source
    if isinstance(source, str | Path):
        return _path(Path(source).expanduser(), form, options)
    library = frames.library(source)
    if library in LIBRARIES:
        return LIBRARIES[library](source)
    if isinstance(source, Mapping):
        return records.from_columns(source)
    if isinstance(source, Sequence) and not isinstance(source, bytes | bytearray):
        if source and all(isinstance(item, str | Path) for item in source):
            return _files([Path(item).expanduser() for item in source], form, options)
        return records.from_rows(source)
    msg = (
        f"an object of type {type(source).__name__} is no table; give a file, a folder, a pandas "
        "or polars frame, a Hugging Face dataset, a list of dicts or a dict of lists"
    )
    raise TableError(msg)


def _files(files: list[Path], form: str | None, options: Options) -> Table:
    if form in (None, "vqa") and len(files) == 2 and all(f.suffix == ".json" for f in files):
        loaded = [jsonfile.load(_present(file), options.encoding) for file in files]
        if vqa.is_questions(loaded[0]):
            return vqa.read(loaded[0], loaded[1], files[0], options.folder)
    return stack([_path(file, form, options) for file in files])


def _present(path: Path) -> Path:
    if not path.exists():
        if re.match(r"\w+:/", str(path)):
            msg = f"a table is not read from the web, found {path}; download it and name its file"
            raise TableError(msg)
        beside = path.absolute().parent
        if not beside.is_dir():
            msg = f"there is no {path}: its folder {beside} does not exist"
            raise TableError(msg)
        near = nearest(path.name, sorted(p.name for p in beside.iterdir())[:200])
        msg = f"there is no file or folder {path}{near if 'did you mean' in near else ''}"
        raise TableError(msg)
    return path


def _path(path: Path, form: str | None, options: Options) -> Table:
    if form is not None and form not in FORMS:
        msg = f"there is no form {form!r}{nearest(form, FORMS)}"
        raise TableError(msg)
    _present(path)
    if path.is_dir():
        inside = folders.table_inside(path) if form is None else []
        return _files(inside, None, options) if inside else folders.read(path)
    if not path.is_file():
        msg = f"{path} is neither a regular file nor a folder"
        raise TableError(msg)
    if path.stat().st_size == 0:
        msg = f"{path} is empty: 0 bytes"
        raise TableError(msg)
    inner = form or SUFFIXES.get(Path(path.stem).suffix.lower())
    if path.suffix.lower() in packed.OPENERS and inner in PACKED:
        return packed.read(path, lambda plain: _path(plain, inner, options))
    form = form or SUFFIXES.get(path.suffix.lower())
    if form is None:
        msg = f"{path}: {_unknown(path.suffix.lower())}"
        raise TableError(msg)
    return FORMS[form](path, options)


def _unknown(suffix: str) -> str:
    if suffix in (".pkl", ".pickle", ".pt", ".pth", ".joblib"):
        return "a pickle can run a stranger's code and is not opened; save the table as Parquet"
    if suffix in (".xlsx", ".xls", ".ods"):
        return "save the sheet as CSV, or give read() what pandas.read_excel returns"
    if suffix in (".gz", ".zip", ".bz2", ".xz", ".zst", ".tar"):
        return "unpack it first"
    known = " ".join(SUFFIXES)
    return f"the suffix {suffix!r} tells no form; known: {known}; or say form=, {sorted(FORMS)}"


def _json(file: Path, options: Options) -> Table:
    try:
        data = jsonfile.load(file, options.encoding)
    except TableError:
        if not jsonfile.is_lines(file, options.encoding):
            raise
        return jsonfile.read_lines(file, options.encoding)
    if coco.is_coco(data):
        return coco.read(data, file)
    if vqa.is_questions(data):
        return _vqa(file, options)
    return jsonfile.from_data(data, file, options.names)


def _vqa(file: Path, options: Options) -> Table:
    beside = vqa.annotations_beside(file)
    annotations = None if beside is None else jsonfile.load(beside, options.encoding)
    return vqa.read(jsonfile.load(file, options.encoding), annotations, file, options.folder)


FORMS: dict[str, Callable[[Path, Options], Table]] = {
    "arrow": lambda file, _: columnar.read_arrow(file),
    "coco": lambda file, options: coco.read(jsonfile.load(file, options.encoding), file),
    "coco-pairs": lambda file, options: coco.read(
        jsonfile.load(file, options.encoding), file, pairs=True
    ),
    "csv": lambda file, options: delimited.read(file, options.encoding, options.names),
    "folder": lambda file, _: folders.read(file),
    "json": _json,
    "jsonl": lambda file, options: jsonfile.read_lines(file, options.encoding),
    "npz": lambda file, _: columnar.read_npz(file),
    "parquet": lambda file, _: columnar.read_parquet(file),
    "vqa": _vqa,
}
"""Forms of files, as ``form=`` names them."""

PACKED = ("csv", "json", "jsonl")
"""Forms that are read from packed files, too."""

SUFFIXES: dict[str, str] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".npz": "npz",
}
"""The form that a suffix tells."""

LIBRARIES: dict[str, Callable[[Any], Table]] = {
    "datasets": frames.from_datasets,
    "pandas": frames.from_pandas,
    "polars": frames.from_polars,
    "pyarrow": columnar.from_arrow,
}
"""Libraries whose tables are read as they are."""
