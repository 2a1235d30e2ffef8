"""Scores of spans, such as the slots of a command: precision, recall and F1 over all rows.

A span is right when its label and both ends are; each counts once in its row. Micro averaged by
seqeval's rules: 0 where there is nothing to divide by.

Legend: rows = sentences, each with the spans answered and the true ones.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from sensorium.core.errors import SensoriumError
from sensorium.metrics.references import check_rows
from sensorium.metrics.tally import Score, Weight, share, weights

_PREFIXES = frozenset("BIESO")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A labelled stretch of a sentence.

    Attributes:
        label: what it is.
        start: the place of its first word or character, counted from 0.
        end: one past its last.
    """

    label: str
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class SpanCounts:
    """How many spans are right, answered and true, row by row."""

    right: Int[np.ndarray, " rows"]
    predicted: Int[np.ndarray, " rows"]
    gold: Int[np.ndarray, " rows"]


def span_counts(predicted: Sequence[Iterable[Span]], gold: Sequence[Iterable[Span]]) -> SpanCounts:
    """Compare the spans of every row, once.

    Errors:
        SensoriumError: the two sides have not as many rows.
    """
    check_rows(predicted, gold, "rows of spans answered", "rows of true spans")
    pairs = [(set(given), set(true)) for given, true in zip(predicted, gold, strict=True)]
    rows = [(len(given & true), len(given), len(true)) for given, true in pairs]
    return SpanCounts(*np.array(rows, dtype=np.int64).reshape(-1, 3).T)


def slot_precision(counts: SpanCounts, weight: Weight = None) -> Score:
    """Give, of all spans answered, the share that is right."""
    each = weights(len(counts.gold), weight)
    return _share(each @ counts.right, each @ counts.predicted)


def slot_recall(counts: SpanCounts, weight: Weight = None) -> Score:
    """Give, of all true spans, the share that was found."""
    each = weights(len(counts.gold), weight)
    return _share(each @ counts.right, each @ counts.gold)


def slot_f1(counts: SpanCounts, weight: Weight = None) -> Score:
    """Give the harmonic mean of precision and recall."""
    each = weights(len(counts.gold), weight)
    return _share(2 * (each @ counts.right), each @ (counts.predicted + counts.gold))


def slot_scores(counts: SpanCounts, weight: Weight = None) -> dict[str, Score]:
    """Give all scores of spans by name."""
    return {
        "slot_precision": slot_precision(counts, weight),
        "slot_recall": slot_recall(counts, weight),
        "slot_f1": slot_f1(counts, weight),
    }


def spans_of_tags(tags: Sequence[str]) -> list[Span]:
    """Read spans off one sentence's tags: BIO (IOB2), or BIOES.

    Lenient, as seqeval and conlleval are: I or E begins a span where none of its label is open,
    and a span that never ends is closed by what follows. A tag without a label has the label _.

    Args:
        tags: such as ``["B-city", "I-city", "O"]``.

    Errors:
        SensoriumError: a tag begins with no such letter.
    """
    spans: list[Span] = []
    before, label = "O", ""
    for place, tag in enumerate(tags):
        mark, name = _parts(tag, place)
        if mark in "IE" and before in "BI" and name == label:
            spans[-1] = Span(name, spans[-1].start, place + 1)
        elif mark != "O":
            spans.append(Span(name, place, place + 1))
        before, label = mark, name
    return spans


def _parts(tag: str, place: int) -> tuple[str, str]:
    if tag[:1] not in _PREFIXES:
        msg = f"tag {place} is {tag!r}; tags are O, or B, I, E or S with a label: 'B-city'"
        raise SensoriumError(msg)
    return tag[0], tag[1:].split("-", maxsplit=1)[-1] or "_"


def _share(above: np.float64 | np.ndarray, below: np.float64 | np.ndarray) -> Score:
    found: Score = share(np.asarray(above), np.asarray(below))[()]
    return found
