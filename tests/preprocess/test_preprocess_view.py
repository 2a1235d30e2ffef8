"""Cells as a reader sees them."""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image as Picture

from sensorium.core.schema import Audio, Category, Image, Number, Schema, Series, Text
from sensorium.data import read
from sensorium.preprocess import CellView, Preprocess, view_cell
from sensorium.preprocess.view import LONGEST, THUMBNAIL

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


def test_pages_of_other_kinds_need_a_fitted_step(make_mixed: Callable[..., Any]) -> None:
    rows = make_mixed(rows=12)
    schema = Schema({"shop": Category()}, {"mood": Category()})
    prep = Preprocess.fit(read(rows.jsonl).with_schema(schema))
    assert view_cell(prep, "shop", "north", 0) == CellView("shop", "text", "north")


def test_numbers_are_shown_as_people_write_them(prep: Preprocess) -> None:
    cells = (0.1 + 0.2, 21.490000000000002, 3.0, 1.7e12, 7, "1,200")
    shown = [view_cell(prep, "price", cell, 0).text for cell in cells]
    assert shown == ["0.3", "21.49", "3", "1700000000000", "7", "1,200"]
