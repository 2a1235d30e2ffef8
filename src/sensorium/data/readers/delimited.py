"""CSV, TSV and their kin. Arrow reads them; Python's csv module only explains what is wrong.

Every cell is read as text first. A column becomes numbers only if all of its cells are written as
numbers without loss: "007" stays text; between semicolons a comma is the decimal mark, unless other
columns of the file write a point. An empty cell is missing in every column; NA, null and the like
are missing only in columns of numbers, for in a column of words they may be words.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from sensorium.core.counted import counted
from sensorium.core.errors import TableError, all_at_once
from sensorium.data.column import Store, store
from sensorium.data.readers import encoding as bytes_of
from sensorium.data.readers.encoding import LineFault
from sensorium.data.table import Table

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None", "none", "-", "?")
"""How files write that a number is missing."""

_WHOLE = r"^-?(0|[1-9][0-9]{0,17})$"
_REAL = (
    r"^-?((0|[1-9][0-9]{0,17})(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
    r"|^[+-]?(?i:inf|infinity)$"
)
_SURE_POINT = r"^-?((0|[0-9]{4,})?\.[0-9]+|[0-9]+\.([0-9]{1,2}|[0-9]{4,}))([eE][+-]?[0-9]+)?$"
_COMMA = r"^-?(0|[1-9][0-9]{0,17}|[1-9][0-9]{0,2}(\.[0-9]{3})+)(,[0-9]+)?$"
_SURE_COMMA = r"^-?((0|[0-9]{4,}|[0-9.]*\.[0-9]+),[0-9]+|[0-9]+,([0-9]{1,2}|[0-9]{4,}))$"
_LIST = r"(?s)^\[.*\]$"
_DELIMITERS = {".tsv": "\t", ".tab": "\t"}
_BLOCK = 16 << 20
_WHOLE_FILE = (1 << 31) - 1
_MOST = 20
_LOOKED_AT = 20
_END = "the end of the file"


def read(file: Path, encoding: str | None = None, names: Sequence[str] | None = None) -> Table:
    """Read a delimited file.

    Args:
        file: the file; its header decides between comma, semicolon, tab and bar.
        encoding: the file's encoding; None means by its byte order mark, else UTF-8.
        names: the columns' names, for a file without a header line.

    Errors:
        TableError: names every fault: bytes, ragged rows, duplicate columns, no rows.
    """
    encoding = bytes_of.check(file, encoding)
    delimiter = _delimiter(file, encoding)
    header = list(names) if names is not None else _header(file, encoding, delimiter)
    faults = _header_faults(header)
    table = None if faults else _fast(file, encoding, delimiter, header, skip=names is None)
    if table is None:
        numbered, ragged = _ragged(file, encoding, delimiter, len(header), skip=names is None)
        if numbered and not faults and "row" not in header:
            header = ["row", *header]
            table = _fast(file, encoding, delimiter, header, skip=True)
        faults += [] if numbered else ragged
    if line := _unclosed(file, encoding, delimiter):
        faults.append(f"line {line}: a quote that is opened in this row is never closed")
    if table is None or faults:
        faults = faults or ["its rows cannot be told apart; look for stray quotes"]
        raise TableError(all_at_once(f"{file} cannot be read:", faults))
    if table.num_rows == 0:
        msg = f"{file} is empty: it has a header and no rows"
        raise TableError(msg)
    mark = _decimal_mark(table) if delimiter == ";" else "."
    columns = {name: typed(table[name], mark) for name in table.column_names}
    return Table(columns, folder=file.parent)


def _delimiter(file: Path, encoding: str) -> str:
    if file.suffix.lower() in _DELIMITERS:
        return _DELIMITERS[file.suffix.lower()]
    widths = {mark: _widths(file, encoding, mark) for mark in ",;\t|"}
    if len(set(widths[","])) == 1 and widths[","][0] > 1:
        return ","
    # A comma in a name or in a number divides nothing where another mark cuts all rows alike.
    even = [mark for mark, counts in widths.items() if counts[0] > 1 and len(set(counts)) == 1]
    if even:
        return max(even, key=lambda mark: widths[mark][0])
    return "," if widths[","][0] > 1 else max(widths, key=lambda mark: widths[mark][0])


def _widths(file: Path, encoding: str, delimiter: str) -> list[int]:
    """Count the cells of the first rows, if this mark divides them."""
    rows = islice(_rows(file, encoding, delimiter), _LOOKED_AT)
    return [len(row) for _, row in rows] or [0]


def _header(file: Path, encoding: str, delimiter: str) -> list[str]:
    header = next((row for _, row in _rows(file, encoding, delimiter)), [])
    if not any(header):
        msg = f"{file} is empty: it has no header line"
        raise TableError(msg)
    header = [name.strip() for name in header]
    if header[0] == "" and "index" not in header:
        header[0] = "index"
    return header


def _header_faults(header: Sequence[str]) -> list[str]:
    faults = []
    for name in dict.fromkeys(header):
        places = [place for place, other in enumerate(header, 1) if other == name]
        if not name.strip():
            faults.append(f"line 1: column {places[0]} has no name")
        elif len(places) > 1:
            faults.append(f"line 1: columns {places} have the same name {name!r}; rename them")
    return faults


def _rows(
    file: Path, encoding: str, delimiter: str, end: Sequence[str] = ()
) -> Iterator[tuple[int, list[str]]]:
    """Give every row that is not blank with the line on which it starts; ``end`` is added."""
    limit = csv.field_size_limit(1 << 30)
    try:
        with file.open(encoding=encoding, newline="") as stream:
            reader = csv.reader(chain(stream, end), delimiter=delimiter)
            start = 1
            for row in reader:
                if row:
                    yield start, row
                start = reader.line_num + 1
    finally:
        csv.field_size_limit(limit)


def _unclosed(file: Path, encoding: str, delimiter: str) -> int | None:
    """Give the line of a row whose quote is never closed, so that it swallows the rest."""
    with file.open("rb") as stream:
        if sum(block.count(b'"') for block in iter(lambda: stream.read(_BLOCK), b"")) % 2 == 0:
            return None
    *_, (line, row) = _rows(file, encoding, delimiter, end=[f"\n{_END}"])
    return None if row == [_END] else line


def _fast(
    file: Path, encoding: str, delimiter: str, header: list[str], *, skip: bool
) -> pa.Table | None:
    """Read with Arrow, in blocks, or at once if a row is longer; None if a row is wrong."""
    odd: list[arrow_csv.InvalidRow] = []

    def note(row: arrow_csv.InvalidRow) -> str:
        odd.append(row)
        return "skip"

    for block in (_BLOCK, min(file.stat().st_size, _WHOLE_FILE)):
        reading = arrow_csv.ReadOptions(
            column_names=header,
            skip_rows_after_names=int(skip),
            encoding=encoding,
            block_size=block,
        )
        parsing = arrow_csv.ParseOptions(
            delimiter=delimiter,
            newlines_in_values=True,
            invalid_row_handler=note,
        )
        try:
            table = arrow_csv.read_csv(file, reading, parsing, _as_words(header))
        except (pa.ArrowException, OSError):
            continue
        return None if odd else table
    return None


def _as_words(header: Sequence[str]) -> arrow_csv.ConvertOptions:
    return arrow_csv.ConvertOptions(
        column_types=dict.fromkeys(header, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
    )


def _ragged(
    file: Path, encoding: str, delimiter: str, count: int, *, skip: bool
) -> tuple[bool, list[str]]:
    """Name the rows of a wrong number of columns.

    Returns:
        Whether every row has just one cell more than the header (R writes its row numbers so), and
        the faults.
    """
    found: list[LineFault] = []
    numbered = skip
    odd = 0
    for place, (line, row) in enumerate(_rows(file, encoding, delimiter)):
        if place == 0 and skip:
            continue
        numbered = numbered and len(row) == count + 1
        if len(row) != count:
            odd += 1
            if odd <= _MOST:
                own = counted(len(row), "column")
                found.append(LineFault(line, f"{own}, the header has {count}"))
    lines = list(map(str, found))
    if odd > _MOST:
        lines.append(f"and {counted(odd - _MOST, 'more row')}")
    return numbered and odd > 0, lines


def _decimal_mark(table: pa.Table) -> str:
    """Give the mark that columns of numbers use where it cannot divide thousands; "" if unclear."""
    known = [_known(table[name]) for name in table.column_names]
    point = any(_all(cells, _REAL) and _any(cells, _SURE_POINT) for cells in known)
    comma = any(_all(cells, _COMMA) and _any(cells, _SURE_COMMA) for cells in known)
    return "" if point == comma else "." if point else ","


def typed(column: pa.ChunkedArray, mark: str = ".") -> Store:
    """Turn a column of words into numbers, or lists, if all its cells are; else leave it.

    Args:
        column: the words.
        mark: before decimals: with "," 1.200 is 1200 and 1,5 a number; with "" 1.200 is 1.2, and
            1,5 a number, too.
    """
    known = _known(column)
    if known.null_count == len(known):
        return column
    if _all(known, _WHOLE):
        return known.cast(pa.int64())
    commas = mark != "." and _all(known, _COMMA)
    if commas and (mark == "," or not _all(known, _REAL)):
        bare = pc.replace_substring(known, ".", "")
        known = pc.replace_substring(bare, ",", ".")
    if commas or _all(known, _REAL):
        return known.cast(pa.float64())
    if _all(known, _LIST):
        return _lists(known) or column
    return column


def _known(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Trim words, and take away those that say that a number is missing."""
    trimmed = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.is_in(trimmed, pa.array(MISSING)), None, trimmed)


def _all(cells: pa.ChunkedArray, pattern: str) -> bool:
    found: bool | None = pc.all(pc.match_substring_regex(cells, pattern)).as_py()
    return found is True


def _any(cells: pa.ChunkedArray, pattern: str) -> bool:
    found: bool | None = pc.any(pc.match_substring_regex(cells, pattern)).as_py()
    return found is True


def _lists(column: pa.ChunkedArray) -> Store | None:
    """Read cells that are all written as JSON lists; None if one is not."""
    try:
        return store([None if cell is None else json.loads(cell) for cell in column.to_pylist()])
    except (ValueError, RecursionError):
        return None
