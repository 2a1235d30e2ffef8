"""Cells as a reader sees them, and the rows that are picked to be looked at."""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image as Picture
from small_models import Taught

from sensorium.core.schema import Audio, Category, Image, Number, Schema, Series, Text
from sensorium.data import read
from sensorium.evaluate import collect
from sensorium.evaluate.cells import LONGEST, THUMBNAIL, CellView, view_cell
from sensorium.evaluate.examples import answer_in_words, examples, is_right, truth_in_words
from sensorium.preprocess import Preprocess, Shelf
from sensorium.tasks.class_head import ClassHead
from sensorium.tasks.tag_head import TagHead

INPUTS = {
    "photo": Image(size=24),
    "clip": Audio(rate=8_000, seconds=1.0),
    "review": Text(),
    "price": Number(),
    "pulse": Series(),
}


@pytest.fixture
def prep(mixed: Any) -> Preprocess:
    schema = Schema(INPUTS, {"mood": Category()})
    return Preprocess.fit(read(mixed.jsonl).with_schema(schema))


def content(view: CellView) -> io.BytesIO:
    head, body = view.uri.split(",", 1)
    assert head.endswith(";base64")
    return io.BytesIO(base64.b64decode(body))


def test_a_picture_is_shown_as_the_model_gets_it(prep: Preprocess, mixed: Any) -> None:
    file = mixed.folder / mixed.rows[0]["photo"]
    view = view_cell(prep, "photo", file, 0)
    assert view.form == "image"
    assert view.text == str(file)
    shown = np.asarray(Picture.open(content(view)))
    assert shown.transpose(2, 0, 1).tolist() == prep.steps["photo"].read(file).tolist()


def test_large_pictures_are_made_small(mixed: Any) -> None:
    schema = Schema({"photo": Image(size=400, channels=1)}, {"mood": Category()})
    prep = Preprocess.fit(read(mixed.jsonl).with_schema(schema))
    view = view_cell(prep, "photo", mixed.folder / mixed.rows[0]["photo"], 0)
    shown = Picture.open(content(view))
    assert (shown.size, shown.mode) == ((THUMBNAIL, THUMBNAIL), "L")


def test_a_sound_can_be_played(prep: Preprocess, mixed: Any) -> None:
    file = mixed.folder / mixed.rows[0]["clip"]
    view = view_cell(prep, "clip", file, 0)
    assert view.form == "audio"
    samples, rate = soundfile.read(content(view), dtype="int16")
    assert rate == 8_000
    assert samples.tolist() == prep.steps["clip"].read(file).tolist()


def test_a_signal_is_drawn_within_its_box(prep: Preprocess) -> None:
    view = view_cell(prep, "pulse", [[0.0, 5.0], [1.0, 10.0], [2.0, 5.0]], 0)
    assert (view.form, view.text) == ("series", "3 steps, 2 channels")
    assert view.lines == ("0.0,30.0 60.0,27.2 120.0,24.4", "0.0,16.0 60.0,2.0 120.0,16.0")


def test_a_flat_signal_is_drawn_too(prep: Preprocess) -> None:
    view = view_cell(prep, "pulse", [[2.0, 2.0]] * 400, 0)
    assert len(view.lines[0].split()) == 120


def test_what_is_missing_or_damaged_says_so(prep: Preprocess, tmp_path: Path) -> None:
    assert view_cell(prep, "review", None, 0).form == "absent"
    damaged = view_cell(prep, "price", "not so cheap", 0)
    assert damaged.form == "damaged"
    assert "not so cheap" in damaged.text
    lost = view_cell(prep, "photo", tmp_path / "gone.png", 0)
    assert (lost.form, lost.text) == ("damaged", "no such file")


def test_long_texts_are_cut(prep: Preprocess) -> None:
    assert view_cell(prep, "review", "short", 0).text == "short"
    assert view_cell(prep, "review", "x" * 9_999, 0).text == "x" * LONGEST + " …"


def test_truth_and_answer_in_words() -> None:
    classes, tags = ClassHead(4, 1, ("a", "b")), TagHead(4, 1, ("x", "y", "z"))
    assert truth_in_words(classes, np.int64(1)) == "b"
    assert truth_in_words(classes, np.int64(2)) == "(never seen in training)"
    assert answer_in_words(classes, np.array([0.25, 0.75])) == "b (75%)"
    assert is_right(classes, np.int64(1), np.array([0.25, 0.75]))
    assert not is_right(classes, np.int64(2), np.array([0.25, 0.75]))
    assert truth_in_words(tags, np.array([1, 0, 1])) == "x, z"
    assert truth_in_words(tags, np.array([0, 0, 0])) == "none"
    assert answer_in_words(tags, np.array([0.9, 0.1, 0.2])) == "x"
    assert not is_right(tags, np.array([1, 0, 1]), np.array([0.9, 0.1, 0.2]))
    assert is_right(tags, np.array([0, 0, 0]), np.array([0.1, 0.1, 0.2]))


def test_the_worst_rows_come_first_and_the_typical_stand_in_the_middle(lonely: Taught) -> None:
    model, table = lonely.model, lonely.test.take(range(199, 140, -1))
    outcome = collect(model, Shelf.of(model.prep, table))
    found = examples(model, table, outcome, "answer")
    judged = outcome.judged("answer")
    errors = judged.head.errors(judged.truth, judged.decided)
    ranked = sorted(errors.tolist(), reverse=True)
    assert [one.error for one in found.worst] == ranked[:6]
    assert [one.error for one in found.typical] == ranked[28:31]
    for one in found.worst:
        place = table.row_ids.index(int(one.row))
        assert errors[place] == one.error
        assert one.cells[0] == CellView("left", "text", table[place]["left"])
        assert one.right == (one.truth == one.answer.split()[0])


def test_of_few_rows_none_is_shown_twice(lonely: Taught) -> None:
    table = lonely.test.slice(0, 4)
    outcome = collect(lonely.model, Shelf.of(lonely.model.prep, table))
    found = examples(lonely.model, table, outcome, "answer")
    assert len(found.worst) == 4
    assert found.typical == ()


def test_pages_of_other_kinds_need_a_fitted_step(make_mixed: Callable[..., Any]) -> None:
    rows = make_mixed(rows=12)
    schema = Schema({"shop": Category()}, {"mood": Category()})
    prep = Preprocess.fit(read(rows.jsonl).with_schema(schema))
    assert view_cell(prep, "shop", "north", 0) == CellView("shop", "text", "north")
