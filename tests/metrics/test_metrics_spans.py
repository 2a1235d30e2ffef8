"""Spans by hand, and against the numbers of seqeval 1.2.2."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_rows import draws

from sensorium.core.errors import SensoriumError
from sensorium.metrics import (
    Span,
    slot_f1,
    slot_precision,
    slot_recall,
    slot_scores,
    span_counts,
    spans_of_tags,
)

EXACT = 1e-12
TRUE = [
    "B-from I-from O B-to O",
    "O I-day B-day I-day",
    "B-song I-singer I-singer",
    "O O",
    "B-to O S-to B-x E-x",
]
ANSWERED = [
    "B-from I-from O B-to I-to",
    "O B-day B-day I-day",
    "B-song I-song I-singer",
    "B-to O",
    "B-to O B-to I-x I-x",
]
SEQEVAL = {"slot_precision": 0.6, "slot_recall": 0.6666666666666666, "slot_f1": 0.631578947368421}
spans = st.lists(
    st.builds(Span, st.sampled_from(["from", "to"]), st.integers(0, 3), st.integers(4, 6)),
    max_size=5,
)


def read(rows):
    return [spans_of_tags(row.split()) for row in rows]


def test_by_hand():
    counts = span_counts(
        [[Span("a", 0, 2), Span("b", 3, 4), Span("a", 0, 2)], []],
        [[Span("a", 0, 2), Span("b", 3, 5)], [Span("c", 0, 1)]],
    )
    assert counts.right.tolist() == [1, 0]
    assert (counts.predicted.tolist(), counts.gold.tolist()) == ([2, 0], [2, 1])
    assert slot_precision(counts) == 1 / 2
    assert slot_recall(counts) == pytest.approx(1 / 3, abs=EXACT)
    assert slot_f1(counts) == pytest.approx(2 / 5, abs=EXACT)


def test_like_seqeval():
    assert read(TRUE)[1] == [Span("day", 1, 2), Span("day", 2, 4)]
    assert read(TRUE)[2] == [Span("song", 0, 1), Span("singer", 1, 3)]
    assert read(TRUE)[4] == [Span("to", 0, 1), Span("to", 2, 3), Span("x", 3, 5)]
    assert slot_scores(span_counts(read(ANSWERED), read(TRUE))) == pytest.approx(SEQEVAL, abs=EXACT)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("", []),
        ("O O", []),
        ("I-a I-a", [Span("a", 0, 2)]),
        ("B-a I-b", [Span("a", 0, 1), Span("b", 1, 2)]),
        ("B-a B-a", [Span("a", 0, 1), Span("a", 1, 2)]),
        ("B-a E-a I-a", [Span("a", 0, 2), Span("a", 2, 3)]),
        ("S-a I-a", [Span("a", 0, 1), Span("a", 1, 2)]),
        ("B I O B-first-name I-first-name", [Span("_", 0, 2), Span("first-name", 3, 5)]),
    ],
)
def test_tags_are_read_leniently(tags, expected):
    assert spans_of_tags(tags.split()) == expected


def test_a_tag_of_another_scheme_is_refused():
    with pytest.raises(SensoriumError, match="tag 1 is 'U-city'"):
        spans_of_tags(["O", "U-city"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(spans, spans), min_size=1, max_size=5))
def test_bounds_and_the_order_of_rows(rows):
    scores = slot_scores(span_counts(*zip(*rows, strict=True)))
    assert all(0 <= score <= 1 for score in scores.values())
    assert slot_scores(span_counts(*zip(*rows[::-1], strict=True))) == scores
    same = slot_f1(span_counts([true for _, true in rows], [true for _, true in rows]))
    assert same == (1 if any(true for _, true in rows) else 0)


def test_many_draws_at_once_are_the_draws_one_by_one():
    counts, drawn = span_counts(read(ANSWERED), read(TRUE)), draws(len(TRUE))
    at_once = slot_scores(counts, drawn)
    for place, draw in enumerate(drawn):
        picked = np.repeat(np.arange(len(draw)), draw)
        again = span_counts(read([ANSWERED[i] for i in picked]), read([TRUE[i] for i in picked]))
        for name, score in slot_scores(again).items():
            assert at_once[name][place] == pytest.approx(score, abs=EXACT)


def test_sides_of_different_length_are_refused():
    with pytest.raises(SensoriumError, match="rows of spans answered: 1, rows of true spans: 0"):
        span_counts([[]], [])
