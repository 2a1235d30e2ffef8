"""Inspection: counts, facts, every damaged cell by row and file, leaks, and the page."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from PIL import Image as Pillow

from sensorium.core.errors import CellError, SchemaError
from sensorium.core.schema import Audio, Category, Date, Flag, Image, Number, Series, Text, Vector
from sensorium.data import inspect, read
from sensorium.data.checks import check

COUNT = 60


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    for i in range(COUNT):
        pixels = random.integers(0, 255, (20, 30, 3), dtype=np.uint8)
        Pillow.fromarray(pixels).save(tmp_path / f"{i}.png")
        soundfile.write(tmp_path / f"{i}.wav", random.normal(0, 0.1, 4_000 + 10 * i), 8_000)
    return tmp_path


@pytest.fixture
def rows():
    random = np.random.default_rng(1)
    words = ("lovely", "awful", "place", "food", "was", "not", "very", "good", "bad", "room")
    return [
        {
            "id": i,
            "photo": f"{i}.png",
            "clip": f"{i}.wav",
            "review": " ".join(random.choice(words, 9)),
            "price": float(random.normal()),
            "mood": ("glad", "calm")[int(random.integers(2))],
        }
        for i in range(COUNT)
    ]


def look(rows, folder, **options):
    return inspect(read(rows, folder=folder), "mood", **options)


def test_a_sound_table(rows, folder):
    found = look(rows, folder)
    assert found.rows == COUNT
    assert not found.faults
    assert not found.leaks
    facts = {name: of.facts for name, of in found.examined.items()}
    assert facts["photo"]["width px"] == {"least": 30, "middle": 30, "greatest": 30}
    assert facts["clip"]["seconds"] == {"least": 0.5, "middle": 0.54, "greatest": 0.57}
    assert facts["clip"]["rate Hz"] == {"8000": COUNT}
    assert facts["review"]["words"]["middle"] == 9
    assert sum(facts["mood"]["counts"].values()) == COUNT
    assert found.examined["photo"].bytes == COUNT * 32 * 32 * 3
    assert found.seconds > 0
    assert found.schema.targets == {"mood": Category()}


def test_every_damaged_and_missing_cell_is_named(rows, folder):
    rows[3]["photo"] = "gone.png"
    rows[4]["photo"] = None
    (folder / "5.png").write_bytes((folder / "5.png").read_bytes()[:200])
    (folder / "6.png").write_bytes(b"no picture")
    (folder / "7.wav").write_bytes(b"")
    rows[8]["price"] = float("inf")
    rows[9]["price"] = float("nan")
    found = look(rows, folder)
    assert [(fault.row, fault.column) for fault in found.faults] == [
        (3, "photo"), (5, "photo"), (6, "photo"), (7, "clip"), (8, "price")
    ]  # fmt: skip
    assert found.examined["photo"].missing == 1
    assert found.examined["price"].missing == 1
    first = found.faults[0]
    assert first.file.endswith("gone.png")
    assert "no such file" in first.found
    assert first.advice
    page = found.markdown()
    assert "## 5 damaged cells" in page
    assert "row 7, column 'clip', file" in page


def test_damage_behind_a_sound_header_is_found_by_decoding(rows, folder, monkeypatch):
    monkeypatch.setattr("sensorium.data.examine.DECODED", 2)
    (folder / "30.png").write_bytes((folder / "30.png").read_bytes()[:900])
    assert not look(rows, folder).faults
    found = look(rows, folder, thorough=True)
    assert [fault.row for fault in found.faults] == [30]
    assert found.examined["photo"].decoded == COUNT
    assert "`--thorough` decodes all" in look(rows, folder).markdown()


def test_row_numbers_are_those_of_the_source(rows, folder):
    rows[40]["photo"] = "gone.png"
    table = read(rows, folder=folder).take(range(30, 60))
    assert [fault.row for fault in inspect(table, "mood").faults] == [40]


def test_planted_leaks_are_suspected(rows, folder):
    for i, row in enumerate(rows):
        row["split"] = "test" if i >= 50 else "train"
        row["review"] += f" and all of us were {row['mood']}"
        row["photo"] = "0.png" if i in (10, 55) else row["photo"]
        row["finer"] = row["mood"] + str(i % 3)
    found = look(rows, folder)
    assert {(leak.column, leak.kind) for leak in found.leaks} == {
        ("review", "name"), ("photo", "duplicates"), ("finer", "determines")
    }  # fmt: skip
    assert found.split == "split"
    assert "Likely leaks" in found.markdown()


def test_a_left_out_column_that_leaks_is_to_be_left_out(rows, folder):
    rows.sort(key=lambda row: row["mood"])
    for i, row in enumerate(rows):
        row["id"] = i
    leak = look(rows, folder).leaks[0]
    assert (leak.column, leak.kind, leak.advice) == ("id", "order", "it is left out; keep it so")


def test_the_page_and_the_data(rows, folder):
    found = look(rows, folder, kinds={"price": "text"})
    page = found.markdown()
    assert page.startswith("# 60 rows, 6 columns")
    assert "| price | text | input | 0 | 0 | as you said |" in page
    assert "--kind id=text" in page
    data = json.loads(json.dumps(found.to_dict()))
    assert data["columns"]["id"]["role"] == "left out"
    assert data["columns"]["photo"]["decoded"] == COUNT
    assert data["schema"]["targets"]["mood"] == {
        "part": "Category", "many": False, "separator": "|", "least": 1, "whole": False
    }  # fmt: skip


def test_sources_are_read(tmp_path):
    (tmp_path / "t.csv").write_text("w,y\n" + "lovely place again,1\nawful food once,0\n" * 30)
    assert inspect(tmp_path / "t.csv", ["y"]).rows == 60
    with pytest.raises(SchemaError, match="no column 'z'"):
        inspect(tmp_path / "t.csv", ["z"])


@pytest.mark.parametrize(
    ("field", "sound", "damaged"),
    [
        (Text(), ["a", 3, 2.5], [["a"], b"a", {"a": 1}, True]),
        (Number(), [1, 2.5, "1,200.5", " 3 "], ["1_0", "x", float("inf"), [1], "1e999"]),
        (Category(), ["a", 1, True], [["a"], {"a": 1}]),
        (Category(many=True), ["a|b", ["a"], []], [[b"a"], {"a": 1}]),
        (Flag(), [True, 0, "Yes", "off"], ["maybe", 2]),
        (Date(), ["2024-01-02", "2024-01-02T03:04"], ["2.1.2024", 7]),
        (Date(form="%d.%m.%Y"), ["2.1.2024"], ["2024-01-02"]),
        (Vector(), [[1, 2], np.zeros(3)], [[[1, 2]], [], ["a"]]),
        (Series(), [[1, 2], np.zeros((3, 2))], [np.zeros((2, 2, 2)), "gone.npy"]),
        (Image(), [np.zeros((4, 4, 3), np.uint8), Pillow.new("1", (2, 2))],
         [b"x", np.zeros(4), "gone.png", "https://x.org/a.png"]),
        (Audio(), [np.zeros(100), {"array": np.zeros(9), "sampling_rate": 8_000}],
         [b"x", np.zeros(0), {"array": np.zeros(0), "sampling_rate": 8_000}]),
    ],
)  # fmt: skip
def test_checks_of_single_cells(field, sound, damaged):
    for cell in sound:
        check(cell, field)
        check(cell, field, decode=field.media)
    for cell in damaged:
        with pytest.raises(CellError):
            check(cell, field)


def test_limits_are_refused_by_the_header(folder):
    with pytest.raises(CellError, match="more than the 100 px allowed"):
        check(folder / "0.png", replace(Image(), max_pixels=100))
    with pytest.raises(CellError, match=r"a sound of 0\.5 s, more than the 0\.1 s allowed"):
        check(folder / "0.wav", replace(Audio(), max_seconds=0.1))


def test_vectors_are_told_by_their_length(tmp_path):
    rows = [{"v": [1.0, float(i), 3.0], "mood": ("glad", "calm")[i % 2]} for i in range(COUNT)]
    found = inspect(read(rows), "mood")
    assert found.examined["v"].facts == {"numbers": {"least": 3, "middle": 3, "greatest": 3}}
    assert found.examined["v"].bytes == COUNT * 3 * 4


def test_names_are_counted_without_the_blanks_around_them(tmp_path):
    lines = [f"{i}.5, {('glad', 'calm ')[i % 2]}" for i in range(COUNT)]
    (tmp_path / "table.csv").write_text("\n".join(["price, mood", *lines]) + "\n")
    found = inspect(tmp_path / "table.csv", "mood")
    assert found.examined["mood"].facts["counts"] == {"glad": COUNT / 2, "calm": COUNT / 2}
