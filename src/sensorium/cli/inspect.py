"""``sensorium inspect``: what a table holds, what is wrong with it, what would be learned from."""

from typing import Annotated

import typer

from sensorium.cli.options import Kinds, parsed_kinds


def inspect(
    table: Annotated[str, typer.Argument(help="A table file or a folder of class folders.")],
    target: Annotated[
        list[str] | None, typer.Option("--target", "-t", help="Column to learn. Repeatable.")
    ] = None,
    kind: Kinds = None,
    thorough: Annotated[bool, typer.Option(help="Decode every picture and sound.")] = False,
    json: Annotated[bool, typer.Option(help="Print JSON.")] = False,
) -> None:
    """Show kinds with their reasons, missing and damaged cells, balance, sizes, leaks."""
    import json as json_format

    from sensorium import data

    found = data.inspect(
        table, targets=tuple(target or ()), kinds=parsed_kinds(kind), thorough=thorough
    )
    if json:
        typer.echo(json_format.dumps(found.to_dict(), ensure_ascii=False, indent=1))
    else:
        typer.echo(found.markdown())
