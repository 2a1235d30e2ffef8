"""``sensorium inspect``: what a table holds, what is wrong with it, what would be learned from."""

from typing import Annotated

import typer

from sensorium.cli.options import Encoding, Folder, Kinds, Targets, Urls, file_of, parsed_kinds


def inspect(
    table: Annotated[str, typer.Argument(help="A table file or a folder of class folders.")],
    target: Targets = None,
    kind: Kinds = None,
    encoding: Encoding = None,
    folder: Folder = None,
    urls: Urls = False,
    thorough: Annotated[bool, typer.Option(help="Decode every picture and sound.")] = False,
    json: Annotated[bool, typer.Option(help="Print JSON.")] = False,
) -> None:
    """Show kinds with their reasons, missing and damaged cells, balance, sizes, leaks."""
    import json as json_format

    from sensorium import data

    found = data.inspect(
        file_of(table, encoding, folder, urls),
        targets=tuple(target or ()),
        kinds=parsed_kinds(kind),
        thorough=thorough,
    )
    if json:
        typer.echo(json_format.dumps(found.to_dict(), ensure_ascii=False, indent=1))
    else:
        typer.echo(found.markdown())
