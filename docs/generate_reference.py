"""Write the reference pages from the code: one a public room, one a command, one for plans.

python docs/generate_reference.py [FOLDER]
"""

import dataclasses
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from sensorium.cli.main import app
from sensorium.core.describe import keywords
from sensorium.core.schema import FIELDS
from sensorium.train import Plan

ROOMS = (
    "sensorium.auto",
    "sensorium.core.schema",
    "sensorium.data",
    "sensorium.preprocess",
    "sensorium.encoders",
    "sensorium.encoders.towers",
    "sensorium.align",
    "sensorium.fusion",
    "sensorium.decoders",
    "sensorium.tasks",
    "sensorium.model",
    "sensorium.train",
    "sensorium.evaluate",
    "sensorium.search",
    "sensorium.compare",
    "sensorium.config",
    "sensorium.sklearn",
    "sensorium.testing",
    "sensorium.metrics",
    "sensorium.core.batch",
    "sensorium.core.errors",
    "sensorium.core.faults",
)


def room_page(name: str) -> str:
    """Let Sphinx document what a room offers."""
    directive = f"```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```"
    return f"# `{name}`\n\n{directive}\n"


def commands() -> dict[str, Any]:
    """Give the commands of the command line by name."""
    group = typer.main.get_command(app)
    return dict(getattr(group, "commands", {}))


def command_page(name: str, command: Any) -> str:
    """Write the page of one command: what it does, its arguments and flags."""
    context = typer.Context(command, info_name=f"sensorium {name}")
    lines = [f"# `sensorium {name}`", "", (command.help or "").strip(), ""]
    lines += ["```text", command.get_usage(context), "```", "", "| | |", "|---|---|"]
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            shown, text = (part.replace("|", "\\|") for part in record)
            lines.append(f"| `{shown}` | {text} |")
    return "\n".join(lines) + "\n"


def plan_page() -> str:
    """List every key of a plan's sections ``[plan]`` and ``[fields.NAME]``."""
    lines = ["# Keys of plans", "", "The sections of a [plan](../../how-to/plans.md).", ""]
    lines += ["## `[plan]`", "", *_keys(Plan)]
    for name, kind in FIELDS.items():
        lines += ["", f'## `[fields.NAME]` with `kind = "{kind.kind}"` ({name})', "", *_keys(kind)]
    return "\n".join(lines) + "\n"


def _keys(part: type) -> Iterator[str]:
    names = keywords(part)
    if not names:
        yield "No options."
        return
    explained = dict(_attributes(part))
    yield "| key | default | |"
    yield "|---|---|---|"
    for name, parameter in names.items():
        text = explained.get(name, "").replace("|", "\\|").replace("``", "`")
        yield f"| `{name}` | `{parameter.default!r}` | {text} |"


def _attributes(part: type) -> Iterator[tuple[str, str]]:
    """Read the ``Attributes`` of a docstring: name and text, in order."""
    known = {field.name for field in dataclasses.fields(part)}
    name, words = "", ""
    for line in (inspect.getdoc(part) or "").partition("Attributes:")[2].splitlines():
        head, colon, rest = line.strip().partition(":")
        if colon and head in known:
            if name:
                yield name, words
            name, words = head, rest.strip()
        else:
            words = f"{words} {line.strip()}".strip()
    if name:
        yield name, words


def pages() -> dict[str, str]:
    """Give every page by its file name."""
    found = {f"{name}.md": room_page(name) for name in ROOMS}
    found |= {f"cli-{name}.md": command_page(name, c) for name, c in commands().items()}
    found["plan-keys.md"] = plan_page()
    return found


def main(folder: Path) -> None:
    """Write all pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(Path(given[0]) if given else Path(__file__).parent / "reference" / "generated")
