"""What every step promises, tried on every kind."""

import datetime as dt
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from sensorium.core.batch import Column
from sensorium.core.errors import CellError, SchemaError
from sensorium.core.schema import (
    Audio,
    Category,
    Date,
    Field,
    Flag,
    Image,
    Number,
    Series,
    Spans,
    Text,
    Vector,
)
from sensorium.preprocess import STEPS, Step, step_for
from sensorium.testing import check_step

NAN = float("nan")


@dataclass(frozen=True)
class Kind:
    """A field, and cells of it."""

    field: Field
    cells: tuple[Any, ...]
    missing: tuple[Any, ...] = ()
    damaged: tuple[Any, ...] = ()


def png(shade: int) -> bytes:
    stream = io.BytesIO()
    Pillow.new("RGB", (12, 9), (shade, 40, 90)).save(stream, "PNG")
    return stream.getvalue()


def wave(pitch: float, samples: int) -> Any:
    return (0.5 * np.sin(np.arange(samples) * pitch)).astype(np.float32)


KINDS: dict[str, Kind] = {
    "bpe": Kind(
        Text(max_tokens=12),
        ("the cat sat", "the dog 狗 ran", "Ünïcode 🙂 the", 17, "a b c " * 20),
        ("", "  \n", NAN),
        (b"bytes", ["list"], True, "half \ud800 pair", object(), float("inf")),
    ),
    "words": Kind(
        Text(max_tokens=6, tokenizer="words", lowercase=True, stop_words=("the",)),
        ("The cat sat.", "the dog ran, don't", "the", "cat CAT cat cat dog dog sat ran"),
        ("",),
        (b"bytes", 3j),
    ),
    "image": Kind(
        Image(size=8),
        (png(10), png(90), png(200)),
        ("", {"bytes": None, "path": None}),
        (b"no picture", "no/such.png", 7, png(1)[:40]),
    ),
    "grey image": Kind(Image(size=8, channels=1, fit="pad"), (png(10), png(90), png(200))),
    "audio": Kind(
        Audio(rate=1_000, seconds=0.2),
        (wave(0.3, 100), wave(0.5, 250), {"array": wave(0.2, 300), "sampling_rate": 2_000}),
        ("", {"array": None, "sampling_rate": None}),
        (b"no sound", "no/such.wav", np.zeros(0), np.array([NAN]), 7),
    ),
    **{
        f"number {scaling}": Kind(
            Number(scaling=scaling),
            (1, 2.5, " 3 ", "1,200.5", "-4e1", np.float32(7), np.int8(3), True),
            ("", NAN, "nan", "N/A", "null", np.float64("nan")),
            ("abc", "1,2", "12%", "inf", float("inf"), "1_000", "3 kg", [1], b"1", 10**400),
        )
        for scaling in ("standard", "quantile", "log", "none")
    },
    "category": Kind(
        Category(),
        ("red", " blue ", "red", 3, 3.0, True, np.str_("green")),
        ("", NAN),
        (["red"], float("inf"), b"red", object()),
    ),
    "tags": Kind(
        Category(many=True),
        ("red|blue", ["blue", "green"], "red", (), {"green"}, np.array(["red"])),
        ("",),
        ([["red"]], b"red"),
    ),
    "flag": Kind(
        Flag(),
        (True, False, "Yes", " no ", 1, 0, 0.0, "T", np.bool_(True), "是"),
        ("", NAN),
        ("maybe", 2, -1, [True], b"yes"),
    ),
    "date": Kind(
        Date(),
        (
            "2024-03-31",
            "2023-12-01T18:05:09+02:00",
            "2022-02",
            dt.date(2020, 2, 29),
            dt.datetime(1969, 7, 20, 20, 17, tzinfo=dt.UTC),
            np.datetime64("2021-05-06T07:08:09.123456789"),
        ),
        ("", np.datetime64("NaT")),
        ("31.03.2024", "2024-13-01", "soon", 20_240_331.5, ["2024-03-31"]),
    ),
    "date form": Kind(
        Date(form="%d.%m.%Y"), ("31.03.2024", "1.1.2023", "2.2.2022"), ("",), ("2024-03-31",)
    ),
    "series": Kind(
        Series(max_steps=5),
        ([[1, 2], [3, 4.5]], np.ones((7, 2)) * [[3], [1], [2], [9], [0], [1], [5]], [[0, 1]]),
        ("", NAN),
        ([[1, NAN]], [[1, 2], [3]], [], "no/such.npy", b"no array", 5, [["a"]], np.ones((2, 2, 2))),
    ),
    "spans": Kind(
        Spans(),
        (
            [{"label": "a", "start": 0, "end": 2}],
            '[{"label": "b", "start": 3, "end": 5}, {"label": "a", "start": 1, "end": 3}]',
            {"label": "b", "start": 4, "end": 9},
        ),
        ("", NAN),
        ([{"label": "a", "start": 2, "end": 2}], {"a": "words"}, "words", 5, [["a", 0, 2]]),
    ),
    "vector": Kind(
        Vector(),
        ([1, 2, 3], np.array([4.0, 5, 9]), (7, 8, 8)),
        (NAN,),
        ([1, NAN, 2], [[1, 2, 3]], [], "words", 5, [1, "x", 2], [1e39, 0, 0]),
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_step_keeps_its_promises(name: str) -> None:
    kind = KINDS[name]
    check_step(lambda: step_for(kind.field), kind.cells, missing=kind.missing, damaged=kind.damaged)


def test_every_kind_of_field_has_its_step() -> None:
    assert {kind.field.kind for kind in KINDS.values()} == set(STEPS)
    assert list(STEPS) == sorted(STEPS)
    for kind, step in STEPS.items():
        assert step.kind == kind


def test_an_unknown_kind_is_named() -> None:
    class Smell(Field):
        kind = "smell"

    with pytest.raises(SchemaError, match="'smell'"):
        step_for(Smell())


def fitted(name: str) -> tuple[Step, list[Any]]:
    kind = KINDS[name]
    step = step_for(kind.field)
    clean = [step.read(cell) for cell in kind.cells]
    return step.fit(clean), clean


def same(one: Column, other: Column, rows: slice = slice(None)) -> bool:
    """Compare two columns as far as the shorter mask goes; the rest must be padding."""
    time = min(one.mask.shape[1], other.mask.shape[1])
    wide = one if one.mask.shape[1] > time else other
    assert not wide.mask[:, time:].any()
    ragged = one.values.shape[1] != other.values.shape[1] or time > 1
    ours, theirs = (c.values[:, :time] if ragged else c.values for c in (one, other))
    return bool(
        torch.equal(ours, theirs)
        and torch.equal(one.mask[:, :time], other.mask[:, :time])
        and torch.equal(one.present, other.present)
    )


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_a_row_depends_on_nothing_but_itself(name: str, data: st.DataObject) -> None:
    step, clean = fitted(name)
    places = data.draw(st.lists(st.integers(-1, len(clean) - 1), min_size=1, max_size=7))
    cells = [None if place < 0 else clean[place] for place in places]
    together = step(cells)
    for row, cell in enumerate(cells):
        alone = step([cell])
        own = together.rows(torch.tensor([row]))
        assert same(own, alone)
        assert bool(own.present[0]) == (cell is not None)
        if cell is None:
            assert not own.mask.any()
            assert not own.values.any()


@pytest.mark.parametrize("name", KINDS)
def test_what_was_learned_comes_back_to_the_bit(name: str) -> None:
    step, clean = fitted(name)
    state = json.loads(json.dumps(step.state(), allow_nan=False))
    again = step_for(step.field).restore(state)
    assert again.layout == step.layout
    assert again.state() == step.state()
    assert same(again([*clean, None]), step([*clean, None]))


@pytest.mark.parametrize("name", KINDS)
def test_nothing_to_learn_from_is_survived(name: str) -> None:
    kind = KINDS[name]
    step = step_for(kind.field).fit([None, None])
    column = step([None])
    assert not column.present.any()
    assert column.values.shape[0] == 1
    json.dumps(step.state(), allow_nan=False)
    clean = [step.read(cell) for cell in kind.cells]
    for cell in clean:
        try:
            step.check(cell)
        except CellError:
            continue
        assert torch.isfinite(step([cell]).values.float()).all()


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.lists(st.floats(), max_size=4),
    st.lists(st.text(max_size=3), max_size=3),
    st.lists(st.lists(st.floats(width=16), max_size=3), max_size=3),
    st.dictionaries(st.sampled_from(["bytes", "path", "array"]), st.text(max_size=4)),
    st.datetimes(),
    st.dates(),
    st.decimals(),
    st.just(object()),
)


@pytest.mark.parametrize("name", KINDS)
@given(cell=ANYTHING)
@settings(max_examples=60, deadline=None)
def test_any_cell_at_all_is_read_or_refused_in_words(name: str, cell: Any) -> None:
    step, _ = fitted(name)
    fault = CellError("", "")
    try:
        clean = step.read(cell)
        if clean is not None:
            step.check(clean)
    except CellError as error:
        fault = error
    if str(fault):
        assert fault.found
        assert fault.advice
        return
    column = step([clean])
    assert torch.isfinite(column.values.float()).all()
    assert bool(column.present[0]) == (clean is not None)


CALLS: dict[str, Callable[[Step], object]] = {"layout": lambda s: s.layout, "call": lambda s: s([])}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("call", CALLS)
def test_an_empty_batch_is_a_batch(name: str, call: str) -> None:
    step, _ = fitted(name)
    found = CALLS[call](step)
    if isinstance(found, Column):
        assert len(found.present) == 0
