"""A classifier of two inputs: a convolution network for pictures, an LSTM for words, joined.

The pair that textbooks start with, from the parts: CNN + LSTM, concatenated, a dense layer and a
softmax. The rows are drawn here: a coloured square and a sentence; only both together tell
whether the sentence is true.
"""

from typing import Any

import numpy as np

import sensorium as sm
from sensorium import encoders, fusion, tasks

COLOURS = {"red": (210, 40, 40), "green": (40, 170, 60), "blue": (40, 70, 210)}


def rows(count: int, seed: int) -> list[dict[str, Any]]:
    """Draw squares, and say something true or false of each."""
    draws = np.random.default_rng(seed)
    made = []
    for number in range(count):
        shown, said = draws.choice(list(COLOURS)), draws.choice(list(COLOURS))
        if number % 2:
            said = shown
        picture = draws.integers(180, 255, (24, 24, 3)).astype(np.uint8)
        left, top = draws.integers(0, 12, 2)
        picture[top : top + 12, left : left + 12] = COLOURS[shown]
        made.append(
            {
                "picture": picture,
                "sentence": f"the square is {said}",
                "verdict": "true" if said == shown else "false",
            }
        )
    return made


def main(train_rows: int = 600, epochs: int = 12) -> float:
    """Train, and give the accuracy on rows that were not seen."""
    schema = sm.Schema(
        inputs={"picture": sm.Image(size=24), "sentence": sm.Text(max_tokens=8)},
        targets={"verdict": sm.Category()},
    )
    train, valid, test = (
        sm.read(rows(count, seed), schema) for seed, count in enumerate((train_rows, 100, 200))
    )
    prep = sm.Preprocess.fit(train)
    model = sm.Model(
        prep,
        encoders={
            "picture": encoders.ConvNet(width=32, stages=(8, 16, 32)),
            "sentence": encoders.TextLSTM(width=32),
        },
        fusion=fusion.Concat(width=32),
        task=tasks.Classify("verdict"),
    )
    plan = sm.Plan(epochs=epochs, rows_per_step=32, rate=5e-3, modality_dropout=0.0)
    sm.train(model, train, valid=valid, plan=plan, quiet=True)
    report = sm.evaluate(model, test, train=train)
    print(report.summary())
    return float(report.targets["verdict"].metrics["accuracy"].value)


if __name__ == "__main__":
    main()
