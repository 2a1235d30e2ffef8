"""Real tables and hostile files: read and told as a user would expect; needs the data packs."""

import csv
import json
import os
from pathlib import Path

import pytest

from sensorium.core.errors import TableError
from sensorium.data import infer, read

PACKS = Path(os.environ.get("SENSORIUM_DATA", "nowhere"))
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not PACKS.is_dir(), reason="needs the data packs ($SENSORIUM_DATA)"),
]

TABLES = {
    "clothing": ("label", {"split": "split", "image": "image"}),
    "emoji_peers/train.csv": ("label", {"image": "image", "text": "text", "n_code": "number",
                                        "hasskin": "flag", "noise": "number"}),
    "esc10": ("label", {"audio": "audio", "fold": "left out"}),
    "fsdd": ("digit", {"audio": "audio", "speaker": "category", "split": "split"}),
    "speech_commands": ("label", {"audio": "audio", "speaker": "category"}),
    "houses": ("price", {"id": "left out", "area": "number", "zipcode": "category",
                         "frontal": "image"}),
    "tuxpaint": ("category", {"id": "left out", "image": "image", "text_zh": "text",
                              "speech_fr": "audio"}),
    "sensors/watch": ("exercise", {"acceleration": "series", "side": "flag"}),
    "sensors/occupancy/datatraining.txt": ("Occupancy", {"row": "left out", "date": "date",
                                                         "CO2": "number"}),
    "meld_text/train_sent_emo.csv": ("Emotion", {"Sr No.": "left out", "Utterance": "text",
                                                 "Speaker": "category", "StartTime": "left out"}),
    "text_zh/waimai_10k.csv": ("label", {"review": "text"}),
    "nlvr": ("label", {"id": "left out", "image": "image", "sentence": "text"}),
    "mnist10k/mnist10k.npz": ("y", {"x": "image"}),
    "pneumoniamnist": ("labels", {"images": "image", "split": "split"}),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_real_tables_are_told_as_expected(name):
    target, expected = TABLES[name]
    findings = infer(read(PACKS / name), target).findings
    told = {
        column: findings[column].kind if findings[column].role == "input" else findings[column].role
        for column in expected
    }
    assert told == expected
    other = {"houses": "number", "nlvr": "flag"}
    assert findings[target].kind == other.get(name, "category")


def test_the_csv_suite():
    suite = PACKS / "badinputs" / "csvspectrum"
    for file in sorted((suite / "csvs").glob("*.csv")):
        if file.stem == "location_coordinates":  # its two halves differ in a telephone number
            continue
        with file.open(newline="", encoding="utf-8") as stream:
            expected = list(csv.DictReader(stream))
        got = [{k: "" if v is None else str(v) for k, v in row.items()} for row in read(file)]
        assert got == expected, file.name


def test_the_json_suite_gives_tables_or_says_why_not():
    for file in sorted((PACKS / "badinputs" / "jsonsuite").rglob("*.json")):
        for form in ("json", "jsonl"):
            try:
                read(file, form=form)
            except TableError:
                continue
            assert not file.name.startswith("n_"), file.name


def test_naughty_strings_are_kept(tmp_path):
    strings = json.loads((PACKS / "badinputs" / "blns" / "blns.json").read_text(encoding="utf-8"))
    with (tmp_path / "t.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["n", "s"], *enumerate(strings)])
    assert [cell or "" for cell in read(tmp_path / "t.csv").cells("s")] == strings
