"""``sensorium index``: make the rows of a table searchable."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from sensorium.cli.options import CacheGb, Encoding, Folder, Urls, file_of, table_of
from sensorium.core.counted import counted

if TYPE_CHECKING:
    from sensorium.core.faults import Ledger
    from sensorium.search import Index


def index(
    model: Annotated[Path, typer.Argument(help="A model folder, or the folder of a fit.")],
    table: Annotated[str, typer.Argument(help="The rows to be found.")],
    out: Annotated[
        str, typer.Option(help="The folder of the index; for lancedb a URI will do: s3://...")
    ],
    column: Annotated[
        str | None,
        typer.Option(help="Whose vectors to keep, such as photo. Default: all columns, fused."),
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="A column that names each row. Default: the row's number.")
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(help="What keeps it: sqlite, or lancedb beyond one machine. Default: sqlite."),
    ] = None,
    approximate: Annotated[
        bool | None,
        typer.Option(
            help="Look at the vectors most likely to be near, or at all. Default: by their number."
        ),
    ] = None,
    update: Annotated[
        bool, typer.Option(help="Add to an index that is there, or replace rows of the same key.")
    ] = False,
    encoding: Encoding = None,
    folder: Folder = None,
    urls: Urls = False,
    cache_gb: CacheGb = None,  # noqa: ARG001  the flag's own callback sets it
) -> None:
    """Embed the rows of a table and keep vectors, words and cells, to be searched."""
    from sensorium.core.errors import PlanError
    from sensorium.core.faults import Ledger
    from sensorium.model import load
    from sensorium.search import Index

    if update and (column or key or store or approximate is not None):
        raise PlanError(
            "--update keeps the column, key, store and way of the index: leave them out"
        )
    loaded = load(model)
    rows, ledger = table_of(file_of(table, encoding, folder, urls), loaded), Ledger()
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading", total=len(rows))

        def on_row(count: int) -> None:
            progress.update(task, completed=count)

        if update:
            found = Index.open(out, model=loaded)
            change = found.add if found.key is None else found.update
            change(rows, ledger=ledger, on_row=on_row)
        else:
            found = Index.of(
                loaded, rows, column=column, key=key, out=out, store=store or "sqlite",
                approximate=approximate, ledger=ledger, on_row=on_row,
            )  # fmt: skip
    _tell(found, ledger)


def _tell(index: "Index", ledger: "Ledger") -> None:
    shown = Console(highlight=False)
    if len(ledger):
        shown.print(f"{counted(len(ledger), 'damaged cell')}:", style="yellow")
        shown.print(ledger.message(5), markup=False)
        if isinstance(index.folder, Path):
            ledger.write(index.folder / "ledger.jsonl")
    way = "every vector is compared"
    if index.recall is not None:
        way = f"searched approximately: {index.recall:.1%} of the ten nearest are found"
    told = f"{counted(len(index), 'row')} in {index.folder}; {way}"
    shown.print(told, markup=False, soft_wrap=True)
