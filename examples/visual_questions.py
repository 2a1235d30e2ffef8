"""Visual question answering: a picture, a question in words, and an answer that is written.

Questions ask for the colour or the shape of what a picture shows. The same rows are learned twice:
with answers from a closed set, and with answers written token by token, which need no list.
"""

from typing import Any

import numpy as np
from PIL import Image, ImageDraw

import sensorium as sm

COLOURS = {"red": (220, 40, 40), "green": (40, 170, 60), "blue": (40, 80, 220)}


def rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Draw pictures and ask about them."""
    draws = np.random.default_rng(seed)
    made = []
    for number in range(count):
        colour, shape = list(COLOURS)[number % 3], ("disc", "square")[number // 3 % 2]
        picture = Image.fromarray(draws.integers(110, 140, (24, 24, 3), dtype=np.uint8))
        left, top = (int(x) for x in draws.integers(1, 9, 2))
        pen = ImageDraw.Draw(picture)
        box = (left, top, left + 13, top + 13)
        (pen.ellipse if shape == "disc" else pen.rectangle)(box, fill=COLOURS[colour])
        asked = {"what colour is it ?": colour, "which shape is it ?": shape}
        question = list(asked)[number // 6 % 2]
        made.append({"image": picture, "question": question, "answer": asked[question]})
    return made


def main(count: int = 600, epochs: int = 20) -> dict[str, float]:
    """Give the share of right answers, closed and written."""
    found = {}
    for name, free in (("closed", False), ("written", True)):
        run = sm.fit(
            rows(count),
            task=sm.Answer("answer", free=free),
            inputs=["image", "question"],
            kinds={"image": sm.Image(size=24)},
            epochs=epochs,
            out=None,
            quiet=True,
        )
        new = rows(36, seed=1)
        answers = run.model.predict(*new)
        found[name] = float(np.mean([a == r["answer"] for a, r in zip(answers, new, strict=True)]))
    return found


if __name__ == "__main__":
    for name, value in main().items():
        print(f"{name}: {value:.3f}")
