"""Words find pictures: two columns brought into one space, searched in both directions.

Every picture shows a shape in a colour, and two sentences say so; the sentences of one picture are
a list in one cell. After the fit, words that were never written together find the right pictures,
a picture and words together are one query, and shapes are told by their names alone.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

import sensorium as sm
from sensorium import encoders

COLOURS = {"red": (220, 40, 40), "green": (40, 170, 60), "blue": (40, 80, 220)}
SHAPES = ("disc", "square", "bar")


def draw(file: Path, colour: str, shape: str, draws: np.random.Generator) -> None:
    """Draw a shape somewhere on grey noise."""
    picture = Image.fromarray(draws.integers(110, 140, (32, 32, 3), dtype=np.uint8))
    left, top = (int(x) for x in draws.integers(1, 10, 2))
    pen = ImageDraw.Draw(picture)
    if shape == "disc":
        pen.ellipse((left, top, left + 20, top + 20), fill=COLOURS[colour])
    elif shape == "square":
        pen.rectangle((left, top, left + 20, top + 20), fill=COLOURS[colour])
    else:
        pen.rectangle((left, top + 8, left + 20, top + 12), fill=COLOURS[colour])
    picture.save(file)


def rows(folder: Path, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Write pictures, and say of each in two sentences what it shows."""
    draws = np.random.default_rng(seed)
    made = []
    for number in range(count):
        colour, shape = list(COLOURS)[number % 3], SHAPES[number // 3 % 3]
        file = folder / f"{seed}-{number}.png"
        draw(file, colour, shape, draws)
        said = [f"a {colour} {shape}", f"the {shape} is {colour}"]
        made.append({"photo": str(file), "said": said, "colour": colour, "shape": shape})
    return made


def main(count: int = 180, epochs: int = 25) -> dict[str, float]:
    """Give the share of right first finds: by words, and of shapes told by their names."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        run = sm.fit(
            rows(folder, count),
            task=sm.Align("photo", "said"),
            kinds={"photo": sm.Image(size=32), "said": sm.Text(tokenizer="words")},
            encoders={
                "photo": encoders.ConvNet(width=64, stages=(8, 16, 32)),
                "said": encoders.WordVectors(width=64, token_dropout=0.0),
            },
            plan=sm.Plan(epochs=epochs, rows_per_step=48, rate=3e-3, modality_dropout=0.0),
            out=None,
            quiet=True,
        )
        if run.report:
            print(run.report.verdict)
        others = rows(folder, 36, seed=1)
        index = sm.Index.of(run.model, sm.read(others), column="photo")
        asked = [(colour, shape) for colour in COLOURS for shape in SHAPES]
        found = [index.search(said=f"{shape}, {colour}", top=1)[0].row for colour, shape in asked]
        right = [
            (row["colour"], row["shape"]) == pair for row, pair in zip(found, asked, strict=True)
        ]
        told = sm.ZeroShot(run.model, "photo", SHAPES, templates=["a red {}", "a blue {}"])
        names = told.predict(*others)
        named = [name == row["shape"] for name, row in zip(names, others, strict=True)]
    return {"words": float(np.mean(right)), "names": float(np.mean(named))}


if __name__ == "__main__":
    print(main())
