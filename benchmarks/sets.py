"""The real sets: each gives one or more (train, test) pairs of rows and what ``fit`` is told.

The packs lie below $SENSORIUM_DATA; nothing of them is part of the project.
"""

import csv
import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import sensorium as sm

ROOT = Path(os.environ.get("SENSORIUM_DATA", Path.home() / ".cache" / "sensorium-data"))

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Fold:
    """One split: rows to learn from and rows to be judged on, and the keywords for ``fit``."""

    name: str
    train: Rows | str
    test: Rows | str
    settings: Mapping[str, Any] = field(default_factory=dict)


def rows_of(file: str, *media: str) -> Rows:
    """Read a CSV; media cells become absolute paths, empty cells None."""
    path = ROOT / file
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows: Rows = [dict(row) for row in csv.DictReader(stream)]
    for row in rows:
        for name in row:
            row[name] = row[name] or None
        for name in media:
            row[name] = str(path.parent / row[name]) if row[name] else None
    return rows


def only(rows: Rows, *names: str) -> Rows:
    return [{name: row[name] for name in names} for row in rows]


def folds(
    rows: Rows, key: Callable[[dict[str, Any]], str], count: int
) -> Iterator[tuple[str, Rows, Rows]]:
    """Deal groups into folds of nearly equal size, the largest first."""
    sizes = Counter(key(row) for row in rows)
    load = [0] * count
    home = {}
    for group, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        home[group] = load.index(min(load))
        load[home[group]] += size
    for number in range(count):
        train = [row for row in rows if home[key(row)] != number]
        test = [row for row in rows if home[key(row)] == number]
        yield f"fold {number + 1}", train, test


def easy_vqa() -> Iterator[Fold]:
    parts = {}
    for part in ("train", "test"):
        folder = ROOT / "easy_vqa" / part
        parts[part] = [
            {"image": str(folder / "images" / f"{number}.png"), "question": words, "answer": answer}
            for words, answer, number in json.loads((folder / "questions.json").read_text())
        ]
    yield Fold("own", parts["train"], parts["test"], {"target": "answer"})


def clothing() -> Iterator[Fold]:
    rows = rows_of("clothing/table.csv", "image")
    parts = {
        part: only([row for row in rows if row["split"] == part], "image", "label")
        for part in ("train", "validation", "valid", "val", "test")
    }
    chosen = parts["validation"] or parts["valid"] or parts["val"]
    yield Fold(
        "own",
        parts["train"],
        parts["test"],
        {"target": "label", **({"valid": chosen} if chosen else {})},
    )


def digits() -> Iterator[Fold]:
    with np.load(ROOT / "mnist10k" / "mnist10k.npz") as packed:
        pictures, labels = packed["x"], packed["y"]
    by_digit = {d: np.flatnonzero(labels == d) for d in range(10)}
    rows = rows_of("fsdd/table.csv", "audio")
    order = np.random.default_rng(0)
    places = {d: iter(order.permutation(index).tolist()) for d, index in by_digit.items()}
    for row in rows:
        row["picture"] = pictures[next(places[int(row["digit"])])]
    for speakers in (("george", "theo"), ("jackson", "lucas"), ("nicolas", "yweweler")):
        train = only([r for r in rows if r["speaker"] not in speakers], "picture", "audio", "digit")
        test = only([r for r in rows if r["speaker"] in speakers], "picture", "audio", "digit")
        yield Fold(
            "held out " + " + ".join(speakers),
            train,
            test,
            {"target": "digit", "kinds": {"digit": sm.Category()}},
        )


def esc10() -> Iterator[Fold]:
    rows = rows_of("esc10/table.csv", "audio")
    for fold in "12345":
        train = only([r for r in rows if r["fold"] != fold], "audio", "label")
        test = only([r for r in rows if r["fold"] == fold], "audio", "label")
        yield Fold(f"fold {fold}", train, test, {"target": "label"})


def speech_commands() -> Iterator[Fold]:
    rows = rows_of("speech_commands/table.csv", "audio")
    for name, train, test in folds(rows, lambda r: r["speaker"], 5):
        yield Fold(name, train, test, {"target": "label", "inputs": ["audio"], "group": "speaker"})


def fsdd() -> Iterator[Fold]:
    rows = rows_of("fsdd/table.csv", "audio")
    for speaker in sorted({row["speaker"] for row in rows}):
        train = only([r for r in rows if r["speaker"] != speaker], "audio", "digit", "speaker")
        test = only([r for r in rows if r["speaker"] == speaker], "audio", "digit", "speaker")
        yield Fold(
            speaker,
            train,
            test,
            {
                "target": "digit",
                "inputs": ["audio"],
                "kinds": {"digit": sm.Category()},
            },
        )


def watch() -> Iterator[Fold]:
    rows = rows_of("sensors/watch/table.csv", "acceleration", "rotation")
    for name, train, test in folds(rows, lambda r: r["subject"], 5):
        inputs = ["acceleration", "rotation"]
        yield Fold(name, train, test, {"target": "exercise", "inputs": inputs, "group": "subject"})


def occupancy() -> Iterator[Fold]:
    train, *tests = (
        str(ROOT / "sensors" / "occupancy" / f"{part}.txt")
        for part in ("datatraining", "datatest", "datatest2")
    )
    settings = {"target": "Occupancy", "time": "date", "kinds": {"Occupancy": sm.Flag()}}
    for number, test in enumerate(tests, 1):
        yield Fold(f"test {number}", train, test, settings)


def houses() -> Iterator[Fold]:
    photos = ("frontal", "bedroom", "bathroom", "kitchen")
    rows = rows_of("houses/table.csv", *photos)
    for row in rows:
        row["price"] = math.log(float(row["price"]))
        for name in ("bedrooms", "bathrooms", "area"):
            row[name] = float(row[name])
        row["same"] = hashlib.sha256(
            b"".join(Path(row[p]).read_bytes() for p in photos)
        ).hexdigest()
    for name, train, test in folds(rows, lambda r: r["same"], 5):
        inputs = ["bedrooms", "bathrooms", "area", "zipcode", *photos]
        settings = {"target": "price", "inputs": inputs, "kinds": {"zipcode": sm.Category()}}
        yield Fold(name, train, test, settings)


def houses_table() -> Iterator[Fold]:
    for fold in houses():
        inputs = ["bedrooms", "bathrooms", "area", "zipcode"]
        yield Fold(fold.name, fold.train, fold.test, {**fold.settings, "inputs": inputs})


def tuxpaint() -> Iterator[Fold]:
    rows = rows_of("tuxpaint/table.csv", "image")
    largest = {name for name, _ in Counter(r["category"] for r in rows).most_common(11)}
    rows = [row for row in rows if row["category"] in largest]
    for row in rows:
        row["same"] = hashlib.sha256(Path(row["image"]).read_bytes()).hexdigest()
    for name, train, test in folds(rows, lambda r: r["same"], 5):
        inputs = ["image", "text_en"]
        yield Fold(name, train, test, {"target": "category", "inputs": inputs})


def hotel() -> Iterator[Fold]:
    rows = [row for row in rows_of("text_zh/ChnSentiCorp_htl_all.csv") if row["review"]]
    order = np.random.default_rng(0).permutation(len(rows))
    cut = int(0.8 * len(rows))
    train, test = ([rows[i] for i in part] for part in (order[:cut], order[cut:]))
    yield Fold(
        "random, seed 0", train, test, {"target": "label", "kinds": {"label": sm.Category()}}
    )


def meld() -> Iterator[Fold]:
    parts = {
        p: only(rows_of(f"meld_text/{p}_sent_emo.csv"), "Utterance", "Emotion")
        for p in ("train", "dev", "test")
    }
    yield Fold("own", parts["train"], parts["test"], {"target": "Emotion", "valid": parts["dev"]})


def clinc150() -> Iterator[Fold]:
    """Intents in scope, on the set's own parts."""
    (file,) = (ROOT / "clinc150").glob("data_*.json")
    said = json.loads(file.read_text(encoding="utf-8"))
    parts = {
        part: [{"text": text, "intent": intent} for text, intent in said[part]]
        for part in ("train", "val", "test")
    }
    settings = {"target": "intent", "valid": parts["val"], "kinds": {"text": sm.Text()}}
    yield Fold("own, in scope", parts["train"], parts["test"], settings)


def mmmo() -> Iterator[Fold]:
    import h5py  # noqa: PLC0415 - only this set needs it

    def part(name: str) -> Rows:
        read = lambda kind: h5py.File(ROOT / "mfn_sentiment" / "mmmo" / f"{kind}.h5")["d1"][:]  # noqa: E731
        audio, video, truth = read(f"audio_{name}"), read(f"video_{name}"), read(f"y_{name}")
        words = read(f"text_{name}_emb") if name != "train" else [None] * len(truth)
        return [
            {
                "audio": np.float32(a),
                "video": np.float32(v),
                "text": None if t is None else np.float32(t),
                "positive": "yes" if y >= 3.5 else "no",
            }
            for a, v, t, y in zip(audio, video, words, truth, strict=True)
        ]

    kinds = {"text": sm.Series()}  # no training row has it, so nothing can be inferred
    yield Fold(
        "own",
        part("train"),
        part("test"),
        {"target": "positive", "valid": part("valid"), "kinds": kinds},
    )


def emoji_peers() -> Iterator[Fold]:
    train, test = (rows_of(f"emoji_peers/{part}.csv", "image") for part in ("train", "test"))
    for row in [*train, *test]:
        for name in ("n_code", "added", "hasskin", "noise"):
            row[name] = None if row[name] is None else float(row[name])
    yield Fold("own", train, test, {"target": "label"})


SETS: dict[str, tuple[Callable[[], Iterator[Fold]], str, float]] = {
    "easy_vqa": (easy_vqa, "accuracy", 10),
    "clothing": (clothing, "accuracy", 8),
    "digits": (digits, "accuracy", 8),
    "esc10": (esc10, "accuracy", 2),
    "speech_commands": (speech_commands, "accuracy", 6),
    "fsdd": (fsdd, "accuracy", 1.6),
    "watch": (watch, "accuracy", 0.6),
    "occupancy": (occupancy, "accuracy", 1.5),
    "houses": (houses, "r2", 2),
    "houses_table": (houses_table, "r2", 1),
    "tuxpaint": (tuxpaint, "accuracy", 1),
    "hotel": (hotel, "accuracy", 5),
    "meld": (meld, "f1_weighted", 5),
    "clinc150": (clinc150, "accuracy", 5),
    "mmmo": (mmmo, "accuracy", 3),
    "emoji_peers": (emoji_peers, "accuracy", 0.27),
}
"""Name -> (folds, the score that counts, minutes a fold)."""
