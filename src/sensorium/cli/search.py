"""``sensorium search``: find the rows of an index."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from sensorium.cli.options import CacheGb, write_table
from sensorium.core.counted import counted
from sensorium.core.errors import PlanError

PAGES = (".html", ".htm")
PAIRS = ("first", "second", "similarity")


def search(
    index: Annotated[str, typer.Argument(help="The folder of an index, or its URI.")],
    words: Annotated[str | None, typer.Argument(help="Words that the rows should hold.")] = None,
    like: Annotated[
        list[str] | None,
        typer.Option(help="NAME=CELL to be like: photo=dog.jpg, caption='a dog'. Repeatable."),
    ] = None,
    where: Annotated[
        str | None, typer.Option(help='A condition on the cells: "price < 50" (SQL).')
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many rows.")] = 10,
    duplicates: Annotated[
        float | None,
        typer.Option(help="Find pairs of rows at least so similar (0.98) instead."),
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="Write a page with pictures and players, .html.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A .csv, .jsonl or .parquet file. Default: the screen.")
    ] = None,
    cache_gb: CacheGb = None,  # noqa: ARG001  the flag's own callback sets it
) -> None:
    """Find rows by what they are like, by their words, and by conditions."""
    from sensorium.search import Index

    if duplicates is not None and (words or like or sheet):
        raise PlanError("--duplicates compares all rows: leave words, --like and --sheet out")
    _check_page(sheet)
    found = Index.open(index)
    if duplicates is not None:
        pairs = found.near_duplicates(duplicates, where=where)
        if not pairs:
            typer.echo("no two rows are so similar", err=True)
        _write([_pair(pair) for pair in pairs], PAIRS, out)
        return
    cells = _cells(like)
    hits = found.search(cells, words=words, where=where, top=top)
    if not hits:
        typer.echo("no row is found", err=True)
    if sheet is not None:
        asked = [*([words] if words else []), *(like or []), *([where] if where else [])]
        sheet.parent.mkdir(parents=True, exist_ok=True)
        sheet.write_text(found.sheet(hits, ", ".join(asked)), encoding="utf-8")
        typer.echo(f"{counted(len(hits), 'row')} in {sheet}")
    if sheet is None or out is not None:
        _write(_lines(hits), ["key", "score", *map(_title, found.columns)], out)


def _check_page(sheet: Path | None) -> None:
    if sheet is not None and sheet.suffix.lower() not in PAGES:
        msg = f"--sheet writes a page: name it {sheet.with_suffix('.html')}, not {sheet}"
        raise PlanError(msg)


def _write(rows: list[dict[str, Any]], names: Sequence[str], out: Path | None) -> None:
    """Write rows; where there are none, a file of the names of their columns alone."""
    if rows:
        write_table(rows, out)
    elif out is not None:
        import pyarrow as pa

        from sensorium.data import write

        write.to_file(pa.table({name: pa.array([], pa.string()) for name in names}), out)


def _cells(pairs: list[str] | None) -> dict[str, Any]:
    faults = [pair for pair in pairs or [] if "=" not in pair]
    if faults:
        msg = f"--like {faults[0]!r}: write NAME=CELL, such as --like caption='a dog'"
        raise PlanError(msg)
    return dict(pair.split("=", 1) for pair in pairs or [])


def _lines(hits: list[Any]) -> list[dict[str, Any]]:
    names = list(dict.fromkeys(name for hit in hits for name in hit.row))
    mixed = {name for name in names if len({_form(hit.row[name]) for hit in hits} - {None}) > 1}
    return [
        {"key": hit.key, "score": round(hit.score, 4)}
        | {_title(name): _shown(hit.row[name], name in mixed) for name in names}
        for hit in hits
    ]


def _form(cell: Any) -> type | None:
    return None if cell is None else str if isinstance(cell, str) else float


def _title(name: str) -> str:
    return f"row {name}" if name in {"key", "score"} else name


def _shown(cell: Any, as_text: bool) -> Any:
    if cell is None or isinstance(cell, bytes):
        return None
    return str(cell) if as_text else cell


def _pair(pair: Any) -> dict[str, Any]:
    return {
        "first": pair.first,
        "second": pair.second,
        "similarity": round(pair.similarity, 4),
    }
