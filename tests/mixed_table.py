"""A small table of every kind, made by code, with whatever is to be missing or damaged in it."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image, ImageDraw

MOODS = ("glad", "calm", "cross")
COLOURS = {"glad": (220, 180, 40), "calm": (40, 90, 200), "cross": (200, 40, 40)}
PITCHES = {"glad": 880.0, "calm": 220.0, "cross": 440.0}
WORDS = {"glad": "lovely bright place", "calm": "quiet slow 安静", "cross": "awful loud mess"}
INPUTS = ("photo", "clip", "review", "price", "shop", "member", "day", "pulse")
RATE = 8_000
SIDE = 24


@dataclass(frozen=True)
class Mixed:
    """A small table of every kind, with its media, on disk.

    Columns: photo, clip, review, price, shop, member, day, pulse (a signal, only in ``rows`` and
    ``jsonl``) -> mood (one of three), score (a number), tags (any of two). Every input tells the
    mood on its own, a little noisily, so that a model that learns anything learns it.
    """

    folder: Path
    rows: tuple[dict[str, Any], ...]
    csv: Path
    jsonl: Path
    missing: tuple[tuple[int, str], ...] = ()
    damaged: tuple[tuple[int, str], ...] = ()


def draw_photo(file: Path, mood: str, rng: np.random.Generator) -> None:
    """Draw a disc in the mood's colour on noise; PNG or JPEG as the name says."""
    noise = rng.integers(90, 160, (SIDE, SIDE, 3), dtype=np.uint8)
    photo = Image.fromarray(noise)
    left, top = (int(x) for x in rng.integers(0, SIDE // 2, 2))
    ImageDraw.Draw(photo).ellipse((left, top, left + SIDE // 2, top + SIDE // 2), COLOURS[mood])
    photo.save(file)


def play_clip(file: Path, mood: str, rng: np.random.Generator) -> None:
    """Write a tone of the mood's pitch, of 0.15 to 0.3 seconds, with noise."""
    time = np.arange(int(RATE * rng.uniform(0.15, 0.3))) / RATE
    tone = 0.5 * np.sin(2 * np.pi * PITCHES[mood] * time) + 0.02 * rng.standard_normal(len(time))
    soundfile.write(file, tone, RATE)


def _row(number: int, folder: Path, rng: np.random.Generator) -> dict[str, Any]:
    mood = MOODS[number % len(MOODS)]
    place = MOODS.index(mood)
    photo, clip = f"photo{number}.{'png' if number % 2 else 'jpg'}", f"clip{number}.wav"
    draw_photo(folder / photo, mood, rng)
    play_clip(folder / clip, mood, rng)
    steps = int(rng.integers(8, 14))
    pulse = rng.standard_normal((steps, 2)) * 0.3 + np.array([place, -place])
    return {
        "photo": photo,
        "clip": clip,
        "review": f"{WORDS[mood]} no {int(rng.integers(100))}",
        "price": round(10.0 * place + float(rng.normal()), 3),
        "shop": ("north", "south", "west")[place if rng.random() < 0.8 else int(rng.integers(3))],
        "member": bool(rng.random() < (0.8 if place else 0.2)),
        "day": f"2024-{1 + 4 * place + int(rng.integers(3)):02d}-{int(rng.integers(1, 28)):02d}",
        "pulse": [[round(float(x), 3) for x in step] for step in pulse],
        "mood": mood,
        "score": round(2.0 * place + 0.1 * float(rng.normal()), 3),
        "tags": "|".join(["warm"] * (place != 1) + ["loud"] * (place == 2)),
    }


def _damage(folder: Path, row: dict[str, Any], column: str) -> None:
    """Cut a picture or a sound short; put words where a number stands."""
    if column in ("photo", "clip"):
        file = folder / row[column]
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2])
    else:
        row[column] = "not so cheap"


def _write(folder: Path, rows: list[dict[str, Any]]) -> tuple[Path, Path]:
    jsonl, table = folder / "rows.jsonl", folder / "rows.csv"
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    jsonl.write_text("".join(lines), encoding="utf-8")
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [name for name in rows[0] if name != "pulse"])
        writer.writeheader()
        writer.writerows({k: v for k, v in row.items() if k != "pulse"} for row in rows)
    return table, jsonl


def make(folder: Path, rows: int = 48, missing: int = 0, damaged: int = 0, seed: int = 0) -> Mixed:
    """Make a mixed table.

    Args:
        folder: where its files go.
        rows: how many rows.
        missing: how many cells are missing (any input).
        damaged: how many cells are damaged (photo, clip and price in turn).
        seed: fixes everything.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    made = [_row(number, folder, rng) for number in range(rows)]
    kinds = ("photo", "clip", "price")
    bad = [(int(row), kinds[i % 3]) for i, row in enumerate(rng.permutation(rows)[:damaged])]
    for row, column in bad:
        _damage(folder, made[row], column)
    whole = [(row, name) for row in range(rows) for name in INPUTS if (row, name) not in bad]
    gone = [whole[i] for i in rng.permutation(len(whole))[:missing]]
    for row, column in gone:
        made[row][column] = None
    table, jsonl = _write(folder, made)
    return Mixed(folder, tuple(made), table, jsonl, tuple(sorted(gone)), tuple(sorted(bad)))
