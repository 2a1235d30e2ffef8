"""Templates to pages: what stands in ``{{ }}`` is escaped, as HTML or as Markdown.

User's text (cells, file names, labels) reaches a page in no other way, but for the plots' SVG, in
which matplotlib has escaped it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from sensorium.core.counted import counted
from sensorium.evaluate import plots
from sensorium.evaluate.intervals import number
from sensorium.evaluate.words import amount, listed, meaning, signed, title

FILTERS = {
    "amount": amount,
    "listed": listed,
    "meaning": meaning,
    "number": number,
    "signed": signed,
    "titled": title,
}


def escape_markdown(value: Any) -> str:
    """Write anything so that Markdown takes it for plain words on one line."""
    line = " ".join(str(value).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_{}\[\]|#~>$])", r"\\\1", line)


def escape_terminal(value: Any) -> str:
    """Write anything on one line, without the characters that command a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in str(value))


def _environment(finalize: Callable[[Any], Any] | None = None) -> Environment:
    made = Environment(
        loader=PackageLoader("sensorium.evaluate"),
        autoescape=select_autoescape(["html"]),
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)
    made.globals.update(plots=plots, count=counted)
    return made


ENVIRONMENTS = {
    ".html": _environment(),
    ".md": _environment(escape_markdown),
    ".txt": _environment(escape_terminal),
}


def render(template: str, values: Mapping[str, Any]) -> str:
    """Fill in a template of ``evaluate/templates``.

    Args:
        template: its name; the ending decides how values are escaped.
        values: what the template speaks of.
    """
    environment = ENVIRONMENTS[template[template.rindex(".") :]]
    return environment.get_template(template).render(values).strip()
