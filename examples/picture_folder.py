"""A folder of class folders, joined by a second modality: what was written about each picture.

    shapes/disc/001.png, shapes/cross/002.png, ...   and   notes: file name -> a few words

The folder is read as a table with the columns it implies; the notes become a column more.
"""

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import sensorium as sm

NOTES = {"disc": ("round", "rolls"), "cross": ("two bars", "a plus"), "frame": ("empty", "edges")}


def draw(folder: Path, count: int, seed: int = 0) -> dict[str, str]:
    """Draw pictures into class folders; give the note of each file."""
    draws = np.random.default_rng(seed)
    notes = {}
    for number in range(count):
        name = list(NOTES)[number % 3]
        picture = Image.new("RGB", (32, 32), tuple(draws.integers(150, 255, 3).tolist()))
        pen = ImageDraw.Draw(picture)
        left, top = draws.integers(2, 12, 2).tolist()
        box, ink = (left, top, left + 16, top + 16), tuple(draws.integers(0, 120, 3).tolist())
        if name == "disc":
            pen.ellipse(box, fill=ink)
        elif name == "frame":
            pen.rectangle(box, outline=ink, width=2)
        else:
            pen.line((left, top + 8, left + 16, top + 8), fill=ink, width=3)
            pen.line((left + 8, top, left + 8, top + 16), fill=ink, width=3)
        file = folder / name / f"{number:03d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        picture.save(file)
        notes[file.name] = str(draws.choice(NOTES[name])) if draws.random() < 0.7 else ""
    return notes


def main(count: int = 360, epochs: int = 10) -> float:
    """Learn the class from picture and note; give the accuracy on held-out pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "shapes"
        notes = draw(folder, count)
        table = sm.read(folder)
        media, target = table.columns[0], table.columns[1]
        files = [Path(str(cell)).name for cell in table.cells(media)]
        table = table.with_column("note", [notes[file] for file in files])
        run = sm.fit(table, target, epochs=epochs, out=None, quiet=True)
        assert run.report is not None
        print(run.report.summary())
        return float(run.report.targets[target].metrics["accuracy"].value)


if __name__ == "__main__":
    main()
