"""A tiny model and its rows, for training tests."""

from typing import Any

import numpy as np

import sensorium as sm
from sensorium import encoders, fusion, tasks

WIDTH = 12
SCHEMA = sm.Schema(
    inputs={"picture": sm.Image(size=12), "words": sm.Text(max_tokens=8, vocabulary=300),
            "x": sm.Number()},
    targets={"side": sm.Category()},
)  # fmt: skip


def tiny_rows(count: int = 96, seed: int = 0) -> list[dict[str, Any]]:
    """Rows whose side shows in every column, noisily; some cells are missing."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        side = number % 2
        shade = rng.integers(0, 160, (12, 12, 3)) + 80 * side
        rows.append(
            {
                "picture": None if number % 11 == 3 else shade.astype(np.uint8),
                "words": None if number % 7 == 2 else f"{'good' if side else 'bad'} {number % 5}",
                "x": float(side + rng.normal()),
                "side": "ab"[side],
            }
        )
    return rows


def tiny_table(count: int = 96, seed: int = 0) -> sm.Table:
    return sm.read(tiny_rows(count, seed), SCHEMA)


def tiny_model(table: sm.Table, seed: int = 0) -> sm.Model:
    return sm.Model(
        sm.Preprocess.fit(table),
        encoders={
            "picture": encoders.ConvNet(width=WIDTH, stages=(6,)),
            "words": encoders.TextTransformer(width=WIDTH, depth=1, heads=2, dropout=0.1),
            "x": encoders.Numbers(width=WIDTH),
        },
        fusion=fusion.Concat(width=WIDTH),
        task=tasks.Classify("side"),
        seed=seed,
    )
