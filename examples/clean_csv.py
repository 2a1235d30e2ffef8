"""A CSV cleaned, standardised, joined; a text branch, a number branch, and two outputs.

The table is as tables are: cells missing, numbers with thousands separators, one that is not a
number. What is wrong is named and counted; the model learns from the rest, and gives a price and
a grade from the same features.
"""

import csv
import tempfile
from pathlib import Path

import numpy as np

import sensorium as sm
from sensorium import encoders, fusion, tasks

WORDS = {"a": "sound and clean", "b": "worn but whole", "c": "broken for parts"}


def write(file: Path, count: int, seed: int = 0) -> None:
    """Write a table of used machines, with the faults that tables have."""
    draws = np.random.default_rng(seed)
    with file.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(["hours", "year", "remark", "price", "grade"])
        for number in range(count):
            grade = "abc"[int(draws.integers(3))]
            hours, year = int(draws.integers(100, 9_000)), int(draws.integers(2005, 2025))
            price = 20_000 - 1.2 * hours + 400 * (year - 2005) - 4_000 * "abc".index(grade)
            shown = f"{hours:,}" if number % 5 == 0 else "" if number % 17 == 3 else str(hours)
            if number == 12:
                shown = "ask the owner"
            rows.writerow([shown, year, WORDS[grade] if number % 7 else "", round(price), grade])


def main(count: int = 600, epochs: int = 20) -> dict[str, float]:
    """Learn both outputs; give R2 of the price and accuracy of the grade on held-out rows."""
    schema = sm.Schema(
        inputs={"hours": sm.Number(), "year": sm.Number(), "remark": sm.Text(max_tokens=8)},
        targets={"price": sm.Number(), "grade": sm.Category()},
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "machines.csv"
        write(file, count)
        train, valid, test = sm.read(file, schema).split(0.8, 0.1, 0.1, seed=0)
    prep = sm.Preprocess.fit(train)
    model = sm.Model(
        prep,
        encoders={
            "hours": encoders.Numbers(width=32),
            "year": encoders.Numbers(width=32),
            "remark": encoders.TextTransformer(width=32, depth=1, heads=2),
        },
        fusion=fusion.Concat(width=32),
        task=tasks.Several(tasks.Regress("price"), tasks.Classify("grade")),
    )
    plan = sm.Plan(epochs=epochs, rows_per_step=32, rate=3e-3)
    run = sm.train(model, train, valid=valid, plan=plan, quiet=True)
    for fault in run.ledger:
        print(fault)
    report = sm.evaluate(model, test, train=train)
    print(report.summary())
    return {
        target: float(report.targets[target].metrics[score].value)
        for target, score in (("price", "r2"), ("grade", "accuracy"))
    }


if __name__ == "__main__":
    main()
