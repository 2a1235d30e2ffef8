"""Keywords from a picture and a text: those that stand in the text, and those that only show.

Each card has a drawing and a line about it. Its keywords are the thing that the line speaks of,
a phrase of the text, and the colour and shape of the drawing, which no text tells.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

import sensorium as sm
from sensorium import encoders

COLOURS = {"red": (220, 40, 40), "green": (40, 170, 60), "blue": (40, 80, 220)}
SHAPES = ("disc", "square")
MAKERS = ("wooden", "paper", "glass", "tin", "rubber", "old")
THINGS = ("boat", "lamp", "bird", "box", "clock", "kite", "drum", "train")
LINES = (
    "This is a {} from my childhood.",
    "We sell the {} at a good price.",
    "Nobody knows who made the {} that you see.",
    "Look at the {}, it was a gift.",
)


def draw(file: Path, colour: str, shape: str) -> None:
    """Draw a shape on grey."""
    picture = Image.new("RGB", (32, 32), (120, 120, 120))
    pen = ImageDraw.Draw(picture)
    (pen.ellipse if shape == "disc" else pen.rectangle)((6, 6, 26, 26), fill=COLOURS[colour])
    picture.save(file)


def cards(folder: Path, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Write drawings, and say of each what it is about."""
    draws = np.random.default_rng(seed)
    made = []
    for colour in COLOURS:
        for shape in SHAPES:
            draw(folder / f"{colour}-{shape}.png", colour, shape)
    for _ in range(count):
        colour, shape = draws.choice(list(COLOURS)), draws.choice(SHAPES)
        thing = f"{draws.choice(MAKERS)} {draws.choice(THINGS)}"
        made.append({
            "photo": str(folder / f"{colour}-{shape}.png"),
            "line": str(draws.choice(LINES)).format(thing),
            "keys": [thing, str(colour), str(shape)],
        })  # fmt: skip
    return made


def main(count: int = 240, epochs: int = 12) -> dict[str, float]:
    """Give the F1 of the first keywords by both columns, and by each of them alone."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        run = sm.fit(
            cards(folder, count),
            task=sm.Keywords("keys", top=3),
            inputs=["photo", "line"],
            kinds={
                "photo": sm.Image(size=32),
                "line": sm.Text(tokenizer="words"),
                "keys": sm.Category(many=True),
            },
            encoders={
                "photo": encoders.ConvNet(width=64, stages=(8, 16)),
                "line": encoders.NGrams(width=64),
            },
            plan=sm.Plan(epochs=epochs, rows_per_step=16, rate=5e-3),
            out=None,
            quiet=True,
        )
        others = cards(folder, 60, seed=1)
        for row, found in zip(others[:2], run.model.predict(*others[:2]), strict=True):
            print(row["line"], [one["keyword"] for one in found])
        report = sm.evaluate(run.model, sm.read(others))
        fusion = report.targets["keys"].fusion
        print(fusion.sentence)
    scores = {standing.name: standing.score.value for standing in fusion.standings}
    return {name: scores[name] for name in ("fusion", "photo alone", "line alone")}


if __name__ == "__main__":
    print(main())
