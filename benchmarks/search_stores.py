"""The two stores of an index, side by side: writing, conditions, words, neighbours.

    python benchmarks/search_stores.py [--rows 100000] [--width 384] [--approximate]

Vectors are drawn around random centres; texts are drawn from 5,000 made words. Both stores hold the
same rows. A store is opened anew before the first of each kind of question, so that "first" reads
from files (which the machine has in memory, having written them) and "again" does not. Answers of
both are compared: the share of rows that both give at the same rank. With ``--approximate`` both
sort their vectors; the batch of 500 is answered exactly by LanceDB even then.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.search.lance_store import LanceStore
from sensorium.search.storage import Storage
from sensorium.search.store import Store
from sensorium.search.vectors import unit

FACTS = {"column": None, "key": None, "model": ""}
KINDS: dict[str, type[Store]] = {"sqlite": Storage, "lancedb": LanceStore}


def timed(act: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    done = act()
    return time.perf_counter() - start, done


def drawn(rows: int, width: int, seed: int) -> Any:
    centres = np.random.default_rng(99).normal(size=(2_000, width))
    random = np.random.default_rng(seed)
    points = centres[random.integers(0, len(centres), rows)] + random.normal(size=(rows, width))
    return unit(points.astype(np.float32))


def texts(rows: int) -> list[str]:
    random = np.random.default_rng(7)
    words = ["".join(random.choice(list("abcdefghilmnorstu"), 6)) for _ in range(5_000)]
    return [" ".join(words[n] for n in line) for line in random.integers(0, 5_000, (rows, 12))]


def questions(queries: Any, some: list[str]) -> dict[str, Callable[[Store], Any]]:
    word = some[0].split()[0]
    return {
        "one query": lambda kept: kept.nearest(queries[:1], 10, None)[0].tolist(),
        "500 queries": lambda kept: kept.nearest(queries, 10, None)[0].tolist(),
        "condition, half of all": lambda kept: kept.where("n % 2 = 0").tolist(),
        "one query under it": lambda kept: kept.nearest(queries[:1], 10, kept.where("n % 2 = 0"))[
            0
        ].tolist(),
        "a word": lambda kept: kept.speaking(word, 100),
        "ten rows": lambda kept: list(kept.rows(kept.where("n < 10").tolist()).values()),
    }


def named(kept: Store, answer: Any) -> list[str]:
    if answer and isinstance(answer[0], tuple):
        return [key for key, _ in answer]
    flat = np.array(answer).reshape(-1)
    rows = kept.rows(np.unique(flat).tolist())
    return [rows[one][0] for one in flat.tolist()]


def size(place: Path) -> float:
    return sum(file.stat().st_size for file in place.rglob("*") if file.is_file()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--approximate", action="store_true")
    given = parser.parse_args()
    vectors, some = drawn(given.rows, given.width, 0), texts(given.rows)
    asked = questions(drawn(500, given.width, 1), some)
    rows = [((n, f"tag {n % 7}"), text) for n, text in enumerate(some)]
    answers: dict[str, dict[str, list[str]]] = {name: {} for name in asked}
    with tempfile.TemporaryDirectory() as folder:
        for kind, store in KINDS.items():
            place = Path(folder) / kind
            facts = {**FACTS, "approximate": given.approximate}  # False: every vector is compared
            made = store.create(place, ["n", "tag"], given.width, facts)
            spent, _ = timed(lambda kept=made: kept.put(None, rows, dict(enumerate(vectors))))
            print(f"{kind}: {given.rows:,} rows written in {spent:.1f} s, {size(place):,.0f} MB, "
                  f"recall {made.recall}")  # fmt: skip
            made.finish()
            spent, _ = timed(lambda kept=made: kept.drop([], "n % 100 = 0"))
            print(f"{kind}: one row in a hundred deleted in {spent:.2f} s")
            for name, ask in asked.items():
                kept = LanceStore.open(place) if store is LanceStore else Storage(place)
                first, answer = timed(lambda kept=kept, ask=ask: ask(kept))
                again, _ = timed(lambda kept=kept, ask=ask: ask(kept))
                answers[name][kind] = named(kept, answer)
                print(f"{kind}: {name}: first {first * 1e3:,.1f} ms, again {again * 1e3:,.1f} ms")
    for name, given_by in answers.items():
        pairs = list(zip(given_by["sqlite"], given_by["lancedb"], strict=True))
        print(f"the same at the same rank, {name}: {np.mean([a == b for a, b in pairs]):.4f}")


if __name__ == "__main__":
    main()
