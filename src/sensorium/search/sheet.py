"""A contact sheet: what a search found, as one self-contained page."""

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from sensorium.preprocess import CellView, Preprocess, view_cell
from sensorium.search.hits import Hit

PAGES = Environment(
    loader=PackageLoader("sensorium.search"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def sheet(prep: Preprocess, hits: Sequence[Hit], title: str) -> str:
    """Lay hits out as HTML.

    Args:
        prep: says which columns are pictures, sounds and signals, and reads them.
        hits: the best first.
        title: what was searched for.
    """
    cards = [(hit, [_view(prep, hit, name) for name in _in_order(prep, hit.row)]) for hit in hits]
    return PAGES.get_template("sheet.html").render(title=title, cards=cards)


def _in_order(prep: Preprocess, row: Mapping[str, Any]) -> list[str]:
    """Put what can be seen and heard first."""
    fields = prep.schema.fields
    return sorted(row, key=lambda name: not (name in fields and fields[name].media))


def _view(prep: Preprocess, hit: Hit, name: str) -> CellView:
    cell = hit.row[name]
    if name in prep.schema.fields:
        return view_cell(prep, name, cell, hit.key)
    return CellView(name, "absent") if cell is None else CellView(name, "text", str(cell))
