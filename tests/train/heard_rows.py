"""Rows of sounds, some of which are too short for their text, and a small model that hears them.

As a program it is one of several processes of a fit: it prints what the first epoch had to say.
"""

import json
from typing import Any

import numpy as np

import sensorium as sm
from sensorium import encoders, fusion, tasks

SHORT = [*range(1, 24, 4)]
PLAN = sm.Plan(epochs=2, rows_per_step=4, precision="fp32", checkpoint_seconds=0.0, seed=3)


def rows() -> list[dict[str, Any]]:
    """24 sounds of 0.2 s, which are 20 frames and 5 steps; every fourth text has more letters."""
    rng = np.random.default_rng(0)
    return [
        {
            "clip": {"array": rng.normal(0, 0.1, 1_600), "sampling_rate": 8_000},
            "said": "far too long" if number in SHORT else "ab",
        }
        for number in range(24)
    ]


def hearer() -> tuple[sm.Model, sm.Table]:
    schema = sm.Schema(
        {"clip": sm.Audio(rate=8_000, seconds=0.2)}, {"said": sm.Text(tokenizer="characters")}
    )
    table = sm.read(rows(), schema)
    model = sm.Model(
        sm.Preprocess.fit(table),
        encoders={"clip": encoders.Speech(16, depth=1, channels=4, mels=8)},
        fusion=fusion.Mean(16),
        task=tasks.Transcribe("said"),
    )
    return model, table


if __name__ == "__main__":
    model, table = hearer()
    run = sm.train(model, table, plan=PLAN, quiet=True)
    print(json.dumps([record.get("notes", []) for record in run.history]))  # noqa: T201
