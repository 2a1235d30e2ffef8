"""Memory of a fit: its peak, and whether it grows from epoch to epoch.

    python benchmarks/memory.py [--rows 200000] [--epochs 4]

Writes a CSV of two numbers, two categories and a short text, fits it with default settings, and
watches the process's resident memory.
"""

import argparse
import json
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil

import sensorium as sm

WORDS = ("red", "blue", "green", "old", "new", "small", "large", "loud", "quiet", "warm", "cold")


def write_table(file: Path, rows: int) -> None:
    """Write rows whose target depends on all columns."""
    draws = np.random.default_rng(0)
    size, weight = draws.normal(size=(2, rows))
    shop, maker = draws.integers(20, size=rows), draws.integers(300, size=rows)
    words = draws.integers(len(WORDS), size=(rows, 6))
    score = size - weight + (shop % 3) + (maker % 2) + (words[:, 0] % 4)
    good = score > np.median(score)
    with file.open("w", encoding="utf-8") as stream:
        stream.write("size,weight,shop,maker,note,good\n")
        for i in range(rows):
            note = " ".join(WORDS[w] for w in words[i])
            stream.write(
                f"{size[i]:.4f},{weight[i]:.4f},shop{shop[i]},maker{maker[i]},{note},"
                f"{'yes' if good[i] else 'no'}\n"
            )


def watch(log: Path, seen: list[tuple[int, float]], done: threading.Event) -> None:
    """Note epochs made and resident memory, MB, a few times a second."""
    process = psutil.Process()
    while not done.wait(0.2):
        epochs = len(log.read_text().splitlines()) if log.exists() else 0
        seen.append((epochs, process.memory_info().rss / 1e6))


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=200_000)
    options.add_argument("--epochs", type=int, default=4)
    chosen = options.parse_args()
    seen: list[tuple[int, float]] = []
    done = threading.Event()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "table.csv"
        write_table(file, chosen.rows)
        log = Path(folder) / "run" / "metrics.jsonl"
        threading.Thread(target=watch, args=(log, seen, done), daemon=True).start()
        start = time.perf_counter()
        run = sm.fit(file, "good", epochs=chosen.epochs, out=Path(folder) / "run", quiet=True)
        seconds = time.perf_counter() - start
        done.set()
    by_epoch = [
        round(float(np.mean([size for epochs, size in seen if epochs == number])))
        for number in range(1, len(run.history))
    ]
    print(json.dumps({
        "rows": chosen.rows,
        "epochs": len(run.history),
        "seconds": round(seconds),
        "peak MB": round(max(size for _, size in seen)),
        "mean MB of each epoch after the first": by_epoch,
        "score": run.history[-1].get("score"),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
