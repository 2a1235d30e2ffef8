"""Sensors of a smart home: motion, power and sound of a room -> what is going on in it.

Each row is a quarter of an hour: two signals of different length and rate, a temperature, the
hour, a door that is open or not. Sensors fail: cells are missing. The model is asked again with a
sensor taken away.
"""

from typing import Any

import numpy as np

import sensorium as sm

DOINGS = ("asleep", "cooking", "away", "watching")
POWER = {"asleep": 0.2, "cooking": 2.0, "away": 0.1, "watching": 0.5}
MOVES = {"asleep": 0.1, "cooking": 1.0, "away": 0.0, "watching": 0.3}
HOUR = {"asleep": 3, "cooking": 18, "away": 11, "watching": 21}


def rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Make a home's quarters of an hour."""
    draws = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        doing = str(draws.choice(DOINGS))
        motion = np.abs(draws.normal(0, MOVES[doing] + 0.1, (30, 3)))
        power = POWER[doing] + 0.3 * draws.standard_normal((int(draws.integers(12, 16)), 1))
        hour = int(HOUR[doing] + draws.integers(-2, 3)) % 24
        made.append(
            {
                "motion": None if draws.random() < 0.15 else motion.astype(np.float32),
                "power": None if draws.random() < 0.15 else power.astype(np.float32),
                "degrees": None if draws.random() < 0.1 else 20 + float(draws.normal()),
                "time": f"2024-03-{int(draws.integers(1, 29)):02d}T{hour:02d}:00",
                "door open": bool(draws.random() < (0.5 if doing == "away" else 0.1)),
                "doing": doing,
            }
        )
    return made


def main(count: int = 500, epochs: int = 8) -> tuple[float, float]:
    """Learn what goes on; give the accuracy with all sensors and without the motion sensor."""
    schema = sm.Schema(
        inputs={
            "motion": sm.Series(),
            "power": sm.Series(),
            "degrees": sm.Number(),
            "time": sm.Date(),
            "door open": sm.Flag(),
        },
        targets={"doing": sm.Category()},
    )
    run = sm.fit(rows(count), schema=schema, epochs=epochs, out=None, quiet=True)
    test = sm.read(rows(200, seed=1), schema)
    scores = []
    for without in ((), ("motion",)):
        report = sm.evaluate(run.model, test, without=without)
        scores.append(float(report.targets["doing"].metrics["accuracy"].value))
        print(f"without {', '.join(without) or 'nothing'}: accuracy {scores[-1]:.3f}")
    return scores[0], scores[1]


if __name__ == "__main__":
    main()
