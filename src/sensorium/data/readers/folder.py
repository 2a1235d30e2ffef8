"""A folder of class folders: one file a row, its folder the label; with train/valid/test, a split.

Also finds the table inside a folder that brings one (table.csv, metadata.jsonl, Parquet shards).
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from sensorium.core.errors import TableError
from sensorium.data import media_kind
from sensorium.data.column import store
from sensorium.data.split import KNOWN
from sensorium.data.table import Table

TABLES = ("table.csv", "table.jsonl", "table.parquet", "metadata.csv", "metadata.jsonl",
          "metadata.parquet")  # fmt: skip
"""A table of one of these names describes its folder."""

_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet", ".arrow", ".feather", ".npz")


def table_inside(folder: Path) -> list[Path]:
    """Find the files of the table that a folder brings; none if it is a folder of class folders.

    That is a table of a known name, else the only table file, else shards of one form.
    """
    for name in TABLES:
        if (folder / name).is_file():
            return [folder / name]
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in _SUFFIXES)
    if len(files) == 1:
        return files
    shards = [file for file in files if file.suffix.lower() in (".parquet", ".arrow")]
    return shards if len({file.suffix for file in shards}) == 1 else []


def read(folder: Path) -> Table:
    """Read a folder of class folders.

    Columns: ``image``, ``audio`` or ``series``; ``label``, the class folder; and ``split``, if the
    class folders lie in folders named train, valid (val, dev) or test.

    Errors:
        TableError: no media files, or pictures and sounds mixed.
    """
    files = sorted(_files(folder), key=lambda file: file.relative_to(folder).parts)
    kinds = Counter(media_kind.by_suffix(file.name) for file in files)
    if not kinds:
        msg = (
            f"{folder} holds no table and no folders of pictures or sounds; "
            "give a table file, or a folder with one folder a class"
        )
        raise TableError(msg)
    if len(kinds) > 1:
        counts = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
        msg = f"{folder} mixes kinds of files ({counts}); write a table that names them row by row"
        raise TableError(msg)
    places = [file.relative_to(folder) for file in files]
    columns = {next(iter(kinds)): store([str(place) for place in places])}
    above = [list(place.parts[:-1]) for place in places]
    if all(names and names[0].lower() in KNOWN for names in above):
        columns["split"] = store([KNOWN[names.pop(0).lower()] for names in above])
    if any(above):
        columns["label"] = store(["/".join(names) or None for names in above])
    return Table(columns, folder=folder)


def _files(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        hidden = any(part.startswith((".", "__MACOSX")) for part in file.relative_to(folder).parts)
        if not hidden and media_kind.by_suffix(file.name) and file.is_file():
            yield file
