"""A captioner: a ViT encoder, a Transformer text decoder, and ``generate_description(image)``.

Every picture shows a shape in a colour; two sentences describe it. ``main`` draws them, fits, and
describes pictures that were never seen, all at once and token by token. With a pretrained
ViT-B/16, put ``encoders.Pretrained("FOLDER", width=128, pool="none")`` in its place.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

import sensorium as sm
from sensorium import decoders, encoders

COLOURS = {"red": (220, 40, 40), "green": (40, 170, 60), "blue": (40, 80, 220)}


def draw(colour: str, shape: str, draws: np.random.Generator) -> Image.Image:
    """Draw a shape somewhere on grey noise."""
    picture = Image.fromarray(draws.integers(110, 140, (32, 32, 3), dtype=np.uint8))
    left, top = (int(x) for x in draws.integers(1, 12, 2))
    pen = ImageDraw.Draw(picture)
    box = (left, top, left + 17, top + 17)
    (pen.ellipse if shape == "disc" else pen.rectangle)(box, fill=COLOURS[colour])
    return picture


def rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Draw pictures, and describe each in two sentences."""
    draws = np.random.default_rng(seed)
    made = []
    for number in range(count):
        colour, shape = list(COLOURS)[number % 3], ("disc", "square")[number // 3 % 2]
        said = [f"a {colour} {shape} on grey", f"there is a {shape} , and it is {colour}"]
        made.append({"photo": draw(colour, shape, draws), "caption": said})
    return made


def captioner(count: int, epochs: int) -> tuple[sm.Run, Callable[[Image.Image], str]]:
    """Fit, and give the run and ``generate_description``."""
    run = sm.fit(
        rows(count),
        task=sm.Caption("caption", decoder=decoders.TextDecoder(depth=2)),
        inputs=["photo"],
        kinds={"photo": sm.Image(size=32)},
        encoders={"photo": encoders.ViT(width=64, patch=8, depth=2)},
        plan=sm.Plan(epochs=epochs, rows_per_step=16, rate=2e-3, ema=0.9),
        out=None,
        quiet=True,
    )

    def generate_description(image: Image.Image) -> str:
        """Describe one picture."""
        return str(run.model.predict({"photo": image})[0])

    return run, generate_description


def main(count: int = 480, epochs: int = 40) -> dict[str, float]:
    """Give the share of new pictures that are described rightly, and the report's CIDEr-D."""
    run, generate_description = captioner(count, epochs)
    new = rows(24, seed=1)
    right = [generate_description(row["photo"]) in row["caption"] for row in new]
    for piece in run.model.stream({"photo": new[0]["photo"]}):
        print(piece, end="", flush=True)
    print()
    assert run.report is not None
    score = run.report.targets["caption"].metrics["cider_d"].value
    return {"right": float(np.mean(right)), "cider_d": score}


if __name__ == "__main__":
    for name, value in main().items():
        print(f"{name}: {value:.3f}")
