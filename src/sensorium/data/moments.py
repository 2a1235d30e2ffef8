"""Dates as tables write them: which form a column has, and its cells as moments in order.

Words sort by their letters, so that "31.01.2024" would come after "01.12.2024": whoever orders rows
by time reads the dates first. It knows nothing of tables.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sensorium.core.counted import counted
from sensorium.core.errors import TableError, all_at_once

FORMS = (
    "%Y/%m/%d", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S", "%d.%m.%Y", "%d.%m.%Y %H:%M",
    "%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y", "%d/%m/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S", "%d-%m-%Y", "%b %d, %Y", "%d %b %Y", "%B %d, %Y", "%d %B %Y",
    "%Y年%m月%d日",
)  # fmt: skip
"""How people write dates, beside ISO 8601."""

_ISO = re.compile(r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}|$)")
_MONTH = re.compile(r"^\d{4}-\d{2}$")
_SORTED = re.compile(r"^\d{4}([-/ ]?([QW]\d{1,2}|\d{2}))?$|^\d{2}:\d{2}(:\d{2})?$")
"""Years, quarters, weeks and times of day: words of one length that their letters put in order."""
_ENOUGH = 0.95
_LOOKED_AT = 1_000
_MOST = 5


def is_iso(text: Any) -> bool:
    """Tell whether words are a date, or a date and a time of day, of ISO 8601."""
    if not _ISO.match(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def fits(text: str, form: str) -> bool:
    """Tell whether words are a date of a ``strptime`` form."""
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True


def moments(cells: Sequence[Any], name: str, form: str | None = None) -> list[Any]:
    """Turn a column's dates in words into what can be put in order; other cells stay.

    Args:
        cells: raw cells; empty words become None.
        name: the column's name, for the errors.
        form: the ``strptime`` form of the dates, "" for ISO 8601; None finds it out.

    Errors:
        TableError: the words are no dates of one form; names the first rows.
    """
    texts = [cell.strip() for cell in cells if isinstance(cell, str) and cell.strip()]
    if not texts:
        return [None if isinstance(cell, str) else cell for cell in cells]
    if form is None:
        form = _form_of(texts)
    if form is None and len(set(map(len, texts))) == 1 and all(map(_SORTED.match, texts)):
        return [(cell.strip() or None) if isinstance(cell, str) else cell for cell in cells]
    if form is None:
        msg = (
            f"column {name!r} holds no dates to put rows in order by, such as {texts[0][:60]!r}; "
            "name another column, or give this one a field that says how its dates are written: "
            "Date(form='%d.%m.%Y')"
        )
        raise TableError(msg)
    found: list[Any] = []
    odd = []
    for row, cell in enumerate(cells):
        moment = _moment(cell, form)
        found.append(moment)
        if moment is None and isinstance(cell, str) and cell.strip():
            odd.append(f"row {row}: {cell[:60]!r}")
    if odd:
        wanted = f"of the form {form}" if form else "of ISO 8601"
        title = f"column {name!r} cannot put its rows in order; no date {wanted} in:"
        more = [f"and {counted(len(odd) - _MOST, 'more row')}"] if len(odd) > _MOST else []
        raise TableError(all_at_once(title, odd[:_MOST] + more))
    return found


def _form_of(texts: Sequence[str]) -> str | None:
    """Give the form that most of the words have: "" for ISO 8601, None if none is usual."""
    texts = texts[:: 1 + len(texts) // _LOOKED_AT]
    ways = {"": sum(is_iso(text) or bool(_MONTH.match(text)) for text in texts)}
    ways |= {form: sum(fits(text, form) for text in texts) for form in FORMS}
    best = max(ways, key=lambda form: ways[form])
    return best if ways[best] >= _ENOUGH * len(texts) else None


def _moment(cell: Any, form: str) -> Any:
    """Read one cell; times of a zone are told by the clock of UTC."""
    if not isinstance(cell, str):
        return cell
    text = cell.strip()
    try:
        if form:
            read = datetime.strptime(text, form)
        else:
            read = datetime.fromisoformat(f"{text}-01" if _MONTH.match(text) else text)
    except ValueError:
        return None
    return read if read.tzinfo is None else read.astimezone(UTC)
