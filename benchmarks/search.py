"""Exact search: one query and batches of them, against numpy and (where installed) faiss.

Vectors are drawn at random around random centres, so that neighbours exist. Every way is timed in
turn, and the median of the rounds counts; recall is against a sort in 64 bits. "Cold" is a new
process that has imported the library: it opens the index and answers its first query.

    python benchmarks/search.py [--rows 100000] [--width 384] [--rounds 7]
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # faiss's threads would spin beside the others

import numpy as np

from sensorium.search.storage import Storage
from sensorium.search.vectors import Vectors, unit

TOP = 10
MANY = 500
COLD = """
import sys, time, numpy as np
from sensorium.search import Index
start = time.perf_counter()
index = Index.open(sys.argv[1])
keys, _ = index.nearest(np.ones((1, int(sys.argv[2])), np.float32))
print(time.perf_counter() - start, len(keys[0]))
"""


def drawn(rows: int, width: int, seed: int) -> Any:
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(1_000, width))
    found = centres[random.integers(0, 1_000, rows)] + random.normal(size=(rows, width))
    return unit(found.astype(np.float32))


def rival(vectors: Any, queries: Any) -> Any:
    """Search with numpy alone."""
    similar = queries @ vectors.T
    best = np.argpartition(-similar, TOP, axis=1)[:, :TOP]
    order = np.argsort(-np.take_along_axis(similar, best, 1), axis=1)
    return np.take_along_axis(best, order, 1)


def ways(vectors: Any, file: Vectors) -> dict[str, Callable[[Any], Any]]:
    everywhere = np.arange(len(vectors))
    found = {
        "sensorium": lambda queries: file.nearest(queries, TOP, everywhere)[0],
        "numpy": lambda queries: rival(vectors, queries),
    }
    if importlib.util.find_spec("faiss"):
        import faiss  # noqa: PLC0415

        flat = faiss.IndexFlatIP(vectors.shape[1])
        flat.add(vectors)
        found["faiss flat"] = lambda queries: flat.search(queries, TOP)[1]
    return found


def timed(searches: dict[str, Callable[[Any], Any]], queries: Any, rounds: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in searches}
    for number in range(rounds + 1):
        for name, search in searches.items():
            start = time.perf_counter()
            search(queries)
            if number:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(some) for name, some in seconds.items()}


def cold(folder: Path, vectors: Any) -> float:
    """Time a new process that opens an index of these vectors; no model is needed for it."""
    width = vectors.shape[1]
    (folder / "records.sqlite").unlink(missing_ok=True)
    Storage.create(folder, ["name"], width, {"column": None, "key": None, "model": ""})
    rows = [(str(n), [f"row {n}"], f"row {n}") for n in range(len(vectors))]
    Storage(folder).put(rows, dict(enumerate(vectors)))
    (folder / "index.json").write_text(json.dumps({"format": 1}))
    times = []
    for _ in range(3):
        command = [sys.executable, "-c", COLD, str(folder), str(width)]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
        times.append(float(shown.split()[0]))
    return statistics.median(times)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--width", type=int, default=384)
    options.add_argument("--rounds", type=int, default=7)
    chosen = options.parse_args()
    vectors, queries = (drawn(n, chosen.width, s) for n, s in ((chosen.rows, 1), (MANY, 2)))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        file = Vectors(folder / "vectors-0.f32", chosen.width)
        file.append(vectors)
        searches = ways(vectors, file)
        truth = np.argsort(-(queries[:50].astype(float) @ vectors.T.astype(float)), 1)[:, :TOP]
        for name, search in searches.items():
            hit = np.mean([len(set(a) & set(b)) / TOP for a, b in
                           zip(truth, search(queries)[:50], strict=True)])  # fmt: skip
            print(f"{name}: recall@{TOP} {hit:.4f}")
        for title, asked in (("one query", queries[:1]), (f"{MANY} queries", queries)):
            found = timed(searches, asked, chosen.rounds)
            print(title + ": " + ", ".join(
                f"{name} {1000 * seconds:.1f} ms ({seconds / found['sensorium']:.2f} of ours)"
                for name, seconds in found.items()
            ))  # fmt: skip
        print(f"cold, open and one query: {cold(folder, vectors):.3f} s")


if __name__ == "__main__":
    main()
