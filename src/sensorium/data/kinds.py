"""Rules that tell a column's kind from a sample of it. The first rule that knows it wins.

Each rule answers with a field and the reason in words, or None if it does not know the kind.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

import numpy as np
from jaxtyping import Float64

from sensorium.core.counted import counted
from sensorium.core.schema import Category, Date, Field, Flag, Number, Text
from sensorium.data import media_kind, moments, sizing
from sensorium.data.sample import Sample, parsed_number, word_count

MOST_AMOUNT = 3
"""Cells of more words on average are no amounts."""
MOST_SMALL = 20
"""A whole-number target of at most so many different values is a category."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a rule found: the field, why, and whether the column is of use as an input."""

    field: Field | None
    reason: str
    useful: bool = True


Rule = Callable[[Sample], Told | None]

_ENOUGH = 0.95
_MOSTLY = 0.5
_FLAGS = frozenset({"true", "false", "yes", "no"})
_ID_NAME = re.compile(
    r"(^|[_\s.\-])(?i:id|idx|index|row|key|uuid|guid|no\.?|nr\.?)$|[a-z]I[dD]$|^(?i:unnamed)"
)
_CODE_NAME = re.compile(r"(zip|postal|post)[_\s-]?code|^zip$|^plz$|邮编", re.I)
_ID_CELL = re.compile(r"^[!-~]+$")
_DIGIT = re.compile(r"\d")
_AMOUNT = re.compile(r"^\s*[$€£¥]?\s*[+-]?\d[\d.,]*\s*([$€£¥%°]|[°µ]?[a-zA-Z]{1,3}[²³]?)?\s*$")


def tell(sample: Sample) -> Told:
    """Tell a column's kind."""
    if not sample.cells:
        return Told(None, "all its cells are empty", useful=False)
    for rule in RULES:
        if told := rule(sample):
            return _hinted(sample, told)
    kinds = sorted({type(cell).__name__ for cell in sample.cells})
    told = Told(None, f"cells of type {', '.join(kinds)} are none of the kinds", useful=False)
    return _hinted(sample, told)


def _hinted(sample: Sample, told: Told) -> Told:
    """Say of words that most of them are numbers, dates or amounts, if they are."""
    words = told.field is None or (isinstance(told.field, Category | Text) and sample.is_text)
    if not words or not sample.texts or sample.words > MOST_AMOUNT:
        return told
    for kind, fits in (("number", _is_number), ("date", _is_date)):
        odd = [cell for cell in sample.cells if not fits(cell)]
        if odd and 1 - len(odd) / len(sample) >= _MOSTLY:
            share = f"{1 - len(odd) / len(sample):.0%} of the cells are {kind}s, {odd[0]!r} is none"
            hint = f"--kind {sample.name}={kind} reads them and names the others as damaged"
            return replace(told, reason=f"{told.reason}; {share}: {hint}")
    if sample.is_text and sample.share(_AMOUNT.match) >= _ENOUGH:
        hint = f"amounts such as {sample.texts[0]!r} are read if written as plain numbers"
        return replace(told, reason=f"{told.reason}; {hint}")
    return told


def _is_date(cell: object) -> bool:
    return isinstance(cell, str) and moments.is_iso(cell)


def _is_number(cell: object) -> bool:
    number = parsed_number(cell) if isinstance(cell, str) else cell
    return isinstance(number, int | float | Decimal) and not isinstance(number, bool)


def _media(sample: Sample) -> Told | None:
    kinds = [media_kind.of(cell) for cell in sample.cells[:2_000]]
    for kind in ("image", "audio", "series", "vector"):
        if kinds.count(kind) >= _ENOUGH * len(kinds):
            field, reason = sizing.SIZING[kind](sample)
            return Told(field, reason)
    return None


def _lists(sample: Sample) -> Told | None:
    if not sample.all(list, tuple):
        return None
    first = {type(item) for cell in sample.cells for item in cell}
    if first <= {str}:
        return _names(sample)
    if first <= {int, float, bool}:
        lengths = {len(cell) for cell in sample.cells}
        if len(lengths) == 1:
            field, reason = sizing.vector(sample)
            return Told(field, reason)
    if first <= {int, float, bool, list, tuple}:
        field, reason = sizing.series(sample)
        return Told(field, reason)
    return None


def _names(sample: Sample) -> Told:
    items = [item for cell in sample.cells for item in cell]
    long = np.mean([word_count(item) for item in items]) >= 3
    if len(set(items)) > 0.5 * len(items) and long:
        reason = f"lists of sentences; table.explode({sample.name!r}) makes a row of each"
        return Told(sizing.text(items, sample.rows), reason, useful=False)
    return Told(Category(many=True), f"lists of names, {len(set(items)):,} different")


def _dates(sample: Sample) -> Told | None:
    if sample.all(date, datetime):
        return Told(Date(), "dates")
    if not sample.is_text:
        return None
    if sample.share(moments.is_iso) >= _ENOUGH:
        return Told(Date(), f"dates as ISO 8601, such as {sample.texts[0]!r}")
    for form in moments.FORMS:
        if all(moments.fits(text, form) for text in sample.texts[:500]):
            return Told(Date(form=form), f"dates as {form}, such as {sample.texts[0]!r}")
    return None


def _flags(sample: Sample) -> Told | None:
    if sample.all(bool):
        return Told(Flag(), "true or false")
    if sample.is_text and {text.lower() for text in sample.texts} <= _FLAGS:
        return Told(Flag(), "the words " + " and ".join(sorted(map(repr, sample.distinct))))
    if not sample.target and sample.all(int) and sample.distinct == {0, 1}:
        return Told(Flag(), "only 0 and 1")
    return None


def _whole(sample: Sample) -> Told | None:
    if not sample.all(int):
        return None
    count = len(sample.distinct)
    if sample.target and count <= MOST_SMALL:
        return Told(Category(whole=True), f"a target of {counted(count, 'different whole number')}")
    if _CODE_NAME.search(sample.name):
        return Told(Category(), f"numbers by name a code, {count:,} different")
    if _is_counter(sample):
        return Told(Number(), "it only numbers the rows", useful=False)
    if _ID_NAME.search(sample.name):
        return Told(Number(), "numbers by name an id (perhaps a group)", useful=False)
    return _number(sample)


def _is_counter(sample: Sample) -> bool:
    """Tell whether the cells count evenly up (0, 1, 2 ...)."""
    if len(sample) < 10 or sample.missing or not sample.whole:
        return bool(_ID_NAME.search(sample.name)) and sample.distinct_share == 1
    return bool((np.diff(np.asarray(sample.cells, dtype=np.float64)) == 1).all())


def _number(sample: Sample) -> Told | None:
    if not sample.all(int, float, Decimal):
        return None
    values = np.asarray(sample.cells, dtype=np.float64)
    values = values[np.isfinite(values)]
    span = f"numbers from {values.min():,.7g} to {values.max():,.7g}" if len(values) else "numbers"
    if len(values) and values.min() >= 0 and _is_long_tailed(values):
        return Told(Number(scaling="log"), f"{span}, long-tailed")
    return Told(Number(), span)


def _is_long_tailed(values: Float64[np.ndarray, " cells"]) -> bool:
    middle = float(np.median(values))
    return len(set(values.tolist())) > 20 and 0 < 10 * middle <= float(values.max())


def _written_numbers(sample: Sample) -> Told | None:
    """Words nearly all of which are numbers, or true numbers among some words; "007" is none."""
    if not sample.all(str, int, float, Decimal):
        return None
    if any(_has_leading_zero(text) for text in sample.texts):
        return None
    odd = [text for text in sample.texts if parsed_number(text) is None]
    numbers = len(sample) - len(odd)
    if numbers < (_ENOUGH if sample.is_text else _MOSTLY) * len(sample):
        return None
    what = "words" if sample.is_text else "cells"
    tail = f"; not all: {odd[0]!r}" if odd else ""
    return Told(Number(), f"{numbers / len(sample):.1%} of the {what} are numbers{tail}")


def _has_leading_zero(text: str) -> bool:
    return len(text) > 1 and text[0] == "0" and text.isdigit()


def _joined(sample: Sample) -> Told | None:
    """Several names in one cell, such as "red|round"."""
    if not sample.is_text:
        return None
    for mark in ("|", ";"):
        cells = [text.split(mark) for text in sample.texts]
        items = [item.strip() for cell in cells for item in cell]
        joined = sum(len(cell) > 1 for cell in cells) / len(cells)
        short = np.mean([len(item) for item in items]) <= 40
        repeats = len(set(items)) <= 0.9 * len(items)
        if joined >= 0.2 and short and (repeats or mark == "|"):
            reason = f"names joined by {mark!r}, {len(set(items)):,} different"
            return Told(Category(many=True, separator=mark), reason)
    return None


def _ids(sample: Sample) -> Told | None:
    if not sample.is_text or sample.target or len(sample) < 10:
        return None
    if sample.distinct_share <= 0.5 or sample.share(_ID_CELL.match) < 1:
        return None
    if sample.distinct_share == 1:
        return Told(Category(), "every row has another word without spaces: an id", useful=False)
    if sample.share(_DIGIT.search) >= _ENOUGH:
        return Told(Category(), "codes with digits that hardly recur", useful=False)
    return None


def _words(sample: Sample) -> Told | None:
    if not sample.is_text:
        return None
    count, share = len(sample.distinct), sample.distinct_share
    shown = f"{count:,} different in {counted(len(sample), 'cell')}"
    if share <= (0.5 if sample.words <= 4 else 0.2 * sample.target):
        return Told(Category(), f"short words, {shown}")
    if sample.words <= 4 and count <= MOST_SMALL and len(sample) < 2 * MOST_SMALL:
        return Told(Category(), f"few short words, {shown}")
    field = sizing.text(sample.texts, sample.rows)
    how = ", read by characters" if field.tokenizer == "characters" else ""
    return Told(field, f"words, {sample.words:.0f} a cell, {shown}{how}")


RULES: tuple[Rule, ...] = (
    _media,
    _lists,
    _dates,
    _flags,
    _whole,
    _number,
    _written_numbers,
    _joined,
    _ids,
    _words,
)
