"""Digits seen and heard: a picture and a sound of the same digit, either of them missing at times.

Pictures are scikit-learn's own hand-written digits; each digit's sound is made here, a tone of
its own pitch in noise. The same program stands in benchmarks with recorded speech.
"""

from typing import Any

import numpy as np
from sklearn.datasets import load_digits

import sensorium as sm

RATE = 4_000


def rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Pair a picture with a sound of the same digit; a tenth of each is missing."""
    draws = np.random.default_rng(seed)
    pictures, labels = load_digits(return_X_y=True)
    made = []
    for place in draws.permutation(len(labels))[:count]:
        digit = int(labels[place])
        picture = (pictures[place].reshape(8, 8) * 255 / 16).astype(np.uint8)
        picture = np.kron(picture, np.ones((2, 2), np.uint8))
        time = np.arange(int(RATE * draws.uniform(0.15, 0.25))) / RATE
        tone = np.sin(2 * np.pi * (200 + 120 * digit) * time + draws.uniform(0, 6))
        sound = (0.3 * tone + 0.4 * draws.standard_normal(len(time))).clip(-1, 1)
        made.append(
            {
                "picture": None if draws.random() < 0.1 else picture,
                "sound": None if draws.random() < 0.1 else sound.astype(np.float32),
                "digit": str(digit),
            }
        )
    return made


def main(count: int = 700, epochs: int = 10) -> float:
    """Learn digits; print what each sense scores alone, and whether both together help."""
    schema = sm.Schema(
        inputs={
            "picture": sm.Image(size=16, channels=1),
            "sound": sm.Audio(rate=RATE, seconds=0.25),
        },
        targets={"digit": sm.Category()},
    )
    run = sm.fit(rows(count), schema=schema, epochs=epochs, out=None, quiet=True)
    assert run.report is not None
    print(run.report.summary())
    return float(run.report.targets["digit"].metrics["accuracy"].value)


if __name__ == "__main__":
    main()
