"""Search: one query and batches of them, every vector compared or only the likely ones.

    python benchmarks/search.py [--rows 100000] [--width 384] [--rounds 7]
    python benchmarks/search.py --approximate [--sentences MODEL] [--rows 500000] [--ways ...]

Vectors are drawn at random around random centres, so that neighbours exist. With ``--sentences``
(the folder of a sentence encoder for ``transformers``) they are real: 20,000 sentences of CLINC150,
MELD and three keyphrase sets below $SENSORIUM_DATA. 500 of these ask. The others are searched,
together with as many made ones as are lacking: a point between a sentence and one of its ten
nearest, moved by 0.3 of the difference of two other such neighbours.

Recall is against every vector in 32 bits. Exact search is timed against numpy and faiss, every way
in turn, and the median of the rounds counts. Approximate ways run in a process each, so that its
greatest memory can be told (without the mapped vectors, which all of them read); of every rival the
first setting is shown that finds 0.98 of the ten nearest, those that it codes ordered in 32 bits.
"Cold" is a new process that has imported the library: it opens the index and answers its first
query.
"""

import argparse
import csv
import importlib.util
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # faiss's threads would spin beside the others

import numpy as np
from sets import ROOT

from sensorium.search import storage
from sensorium.search.inverted import Inverted
from sensorium.search.storage import Storage
from sensorium.search.vectors import Vectors, unit

TOP = 10
MANY = 500
REAL = 20_000
ENOUGH = 0.98
WIDER = (32, 64, 128, 256, 512, 1024)
COLD = """
import sys, time, numpy as np
from sensorium.search import Index
start = time.perf_counter()
index = Index.open(sys.argv[1])
keys, _ = index.nearest(np.ones((1, int(sys.argv[2])), np.float32))
print(time.perf_counter() - start, len(keys[0]))
"""
Search = Callable[[Any], Any]
Way = Iterator[tuple[str, Search]]
"""A setting, and the search with it; one after the other."""


# --- vectors ----------------------------------------------------------------------------------


def drawn(rows: int, width: int, seed: int) -> Any:
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(1_000, width)).astype(np.float32)
    found = np.empty((rows, width), np.float32)
    for some in blocks(rows):
        which = random.integers(0, 1_000, len(found[some]))
        found[some] = unit(centres[which] + random.normal(size=(len(which), width)))
    return found


def blocks(rows: int) -> Iterator[slice]:
    return (slice(start, min(start + 50_000, rows)) for start in range(0, rows, 50_000))


def sentences() -> list[str]:
    said = [text for part in json.loads((ROOT / "clinc150/data_small.json").read_text()).values()
            for text, _ in part]  # fmt: skip
    for file in sorted((ROOT / "meld_text").glob("*_sent_emo.csv")):
        with file.open(encoding="utf-8", errors="replace") as stream:
            said += [row["Utterance"] for row in csv.DictReader(stream)]
    for file in sorted((ROOT / "keyphrase_en").glob("*.csv")):
        with file.open(encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                said += re.split(r"(?<=[.!?])\s+", row["text"])
    found = sorted({" ".join(text.split())[:400] for text in said if len(text) > 20})
    np.random.default_rng(0).shuffle(found)
    return found[:REAL]


def embedded(folder: Path, texts: list[str]) -> Any:
    """Embed sentences as a sentence encoder does: the mean of its last states, of length 1."""
    import torch  # noqa: PLC0415
    from transformers import AutoModel, AutoTokenizer  # noqa: PLC0415

    split, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
    found = np.zeros((len(texts), model.config.hidden_size), np.float32)
    with torch.inference_mode():
        for start in range(0, len(order), 64):
            ids = order[start : start + 64]
            batch = split([texts[one] for one in ids], padding=True, truncation=True,
                          max_length=128, return_tensors="pt")  # fmt: skip
            mask = batch["attention_mask"][..., None]
            states = model(**batch).last_hidden_state * mask
            found[ids] = unit((states.sum(1) / mask.sum(1)).numpy())
    return found


def grown(real: Any, rows: int, seed: int = 0) -> Any:
    """Make more vectors between and around real ones."""
    random, count = np.random.default_rng(seed), len(real)
    near = np.empty((count, 10), np.int64)
    for start in range(0, count, 2_000):
        similar = real[start : start + 2_000] @ real.T
        similar[np.arange(len(similar)), np.arange(start, start + len(similar))] = -9
        near[start : start + 2_000] = np.argpartition(-similar, 10, axis=1)[:, :10]
    found = np.empty((rows, real.shape[1]), np.float32)
    found[:count] = real[:rows]
    for some in blocks(rows - count):
        one, two = random.integers(0, count, (2, some.stop - some.start))
        next_to_one, next_to_two = near[one, random.integers(0, 10, len(one))], near[two, 0]
        between = random.random((len(one), 1), dtype=np.float32)
        made = real[one] + between * (real[next_to_one] - real[one])
        made += 0.3 * (real[two] - real[next_to_two])
        found[count + some.start : count + some.stop] = unit(made)
    return found[random.permutation(rows)]


def true_nearest(vectors: Any, queries: Any, allowed: Any = None) -> Any:
    best = np.zeros((len(queries), 0), np.float32)
    ids = np.zeros((len(queries), 0), np.int64)
    for some in blocks(len(vectors)):
        similar = queries @ vectors[some].T
        if allowed is not None:
            similar[:, ~allowed[some]] = -9
        found = np.argpartition(-similar, TOP, axis=1)[:, :TOP]
        best = np.concatenate([best, np.take_along_axis(similar, found, 1)], 1)
        ids = np.concatenate([ids, found + some.start], 1)
        order = np.argsort(-best, axis=1)[:, :TOP]
        best, ids = np.take_along_axis(best, order, 1), np.take_along_axis(ids, order, 1)
    return ids


def recall_of(truth: Any, found: Any) -> float:
    pairs = zip(truth, found, strict=True)
    return float(np.mean([len(set(a) & set(b)) / TOP for a, b in pairs]))


# --- every vector compared --------------------------------------------------------------------


def rival(vectors: Any, queries: Any) -> Any:
    """Search with numpy alone."""
    similar = queries @ vectors.T
    best = np.argpartition(-similar, TOP, axis=1)[:, :TOP]
    order = np.argsort(-np.take_along_axis(similar, best, 1), axis=1)
    return np.take_along_axis(best, order, 1)


def exact_ways(vectors: Any, file: Vectors) -> dict[str, Search]:
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


def timed(searches: dict[str, Search], queries: Any, rounds: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in searches}
    for number in range(rounds + 1):
        for name, search in searches.items():
            time.sleep(0.05)  # threads of the one before still spin
            start = time.perf_counter()
            search(queries)
            if number:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(some) for name, some in seconds.items()}


def cold(folder: Path, vectors: Any, *, approximate: bool) -> float:
    """Time a new process that opens an index of these vectors; no model is needed for it."""
    folder, width = folder / "index", vectors.shape[1]
    storage.FEW = 0
    facts = {"column": None, "key": None, "model": "", "approximate": approximate}
    Storage.create(folder, ["name"], width, facts)
    rows = [([f"row {n}"], f"row {n}") for n in range(len(vectors))]
    Storage(folder).put(None, rows, dict(enumerate(vectors)))
    (folder / "index.json").write_text(json.dumps({"format": 1}))
    times = []
    for _ in range(3):
        command = [sys.executable, "-c", COLD, str(folder), str(width)]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
        times.append(float(shown.split()[0]))
    return statistics.median(times)


def exactly(vectors: Any, queries: Any, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        file = Vectors(Path(place) / "vectors", vectors.shape[1])
        file.append(vectors)
        searches = exact_ways(vectors, file)
        truth = np.argsort(-(queries[:50].astype(float) @ vectors.T.astype(float)), 1)[:, :TOP]
        for name, search in searches.items():
            print(f"{name}: recall@{TOP} {recall_of(truth, search(queries)[:50]):.4f}")
        for title, asked in (("one query", queries[:1]), (f"{MANY} queries", queries)):
            found = timed(searches, asked, rounds)
            print(title + ": " + ", ".join(
                f"{name} {1000 * seconds:.1f} ms ({seconds / found['sensorium']:.2f} of ours)"
                for name, seconds in found.items()
            ))  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        print(f"cold, open and one query: {cold(Path(place), vectors, approximate=False):.3f} s")


# --- only the likely ones ---------------------------------------------------------------------


def ours(vectors: Any, folder: Path) -> Way:
    file = Vectors(folder / "vectors", vectors.shape[1], len(vectors))
    everywhere = np.arange(len(vectors))
    lists = Inverted.build(file, everywhere)
    lists.save(folder / "saved")
    reach = lists.reach
    about = f"{reach.probes} of {lists._lists.nlist} lists, {reach.depth} again, "
    yield (
        f"{about}measured {reach.recall:.3f}",
        lambda queries: lists.nearest(file, queries, TOP, everywhere)[0],
    )


def by_faiss(name: str) -> Callable[[Any, Path], Way]:
    def way(vectors: Any, folder: Path) -> Way:
        import faiss  # noqa: PLC0415

        index = faiss.index_factory(vectors.shape[1], name, faiss.METRIC_INNER_PRODUCT)
        if "HNSW" in name:
            index.hnsw.efConstruction = 80
        index.train(vectors[:100_000])
        index.add(vectors)
        faiss.write_index(index, str(folder / "saved"))
        for wider in WIDER:
            if "HNSW" in name:
                index.hnsw.efSearch = wider
            else:
                index.nprobe = wider
            about = f"{name}, {wider} looked into"
            yield about, lambda queries: closer(vectors, queries, index.search(queries, 30)[1])

    return way


def by_usearch(vectors: Any, folder: Path) -> Way:
    from usearch.index import Index  # noqa: PLC0415

    index = Index(ndim=vectors.shape[1], metric="ip", dtype="i8", connectivity=32, expansion_add=80)
    index.add(np.arange(len(vectors)), vectors, threads=os.cpu_count() or 1)
    index.save(str(folder / "saved"))
    for wider in WIDER:
        index.expansion_search = wider

        def search(queries: Any) -> Any:
            found = np.atleast_2d(index.search(queries, 30).keys)
            return closer(vectors, queries, found.astype(np.int64))

        yield f"HNSW32 in 8 bits, {wider} looked into", search


def by_hnswlib(vectors: Any, folder: Path) -> Way:
    import hnswlib  # noqa: PLC0415

    index = hnswlib.Index("ip", vectors.shape[1])
    index.init_index(len(vectors), M=32, ef_construction=80)
    index.add_items(vectors)
    index.save_index(str(folder / "saved"))
    for wider in WIDER:
        index.set_ef(wider)
        about = f"HNSW32 in 32 bits, {wider} looked into"
        yield about, lambda queries: index.knn_query(queries, TOP)[0].astype(np.int64)


def closer(vectors: Any, queries: Any, found: Any) -> Any:
    """Put candidates in the order of their products in 32 bits."""
    similar = np.einsum("qw,qtw->qt", queries, vectors[np.maximum(found, 0)])
    return np.take_along_axis(found, np.argsort(-similar, axis=1)[:, :TOP], 1)


def exact(vectors: Any, folder: Path) -> Way:
    file = Vectors(folder / "vectors", vectors.shape[1], len(vectors))
    everywhere = np.arange(len(vectors))
    (folder / "saved").touch()
    yield "every vector", lambda queries: file.nearest(queries, TOP, everywhere)[0]


WAYS: dict[str, Callable[[Any, Path], Way]] = {
    "exact": exact,
    "lists": ours,
    "faiss-hnsw": by_faiss("HNSW32_SQ8"),
    "faiss-ivf-sq8": by_faiss("IVF2048,SQ8"),
    "usearch": by_usearch,
    "hnswlib": by_hnswlib,
}


def one_way(name: str, folder: Path) -> None:
    """Build and ask, in a process of its own."""
    queries, truth = np.load(folder / "queries.npy"), np.load(folder / "truth.npy")
    vectors = np.memmap(folder / "vectors", np.float32, "r").reshape(-1, queries.shape[1])
    memory = [0.0]
    threading.Thread(target=watch, args=(memory,), daemon=True).start()
    built, start = 0.0, time.perf_counter()
    for about, search in WAYS[name](vectors, folder):  # noqa: B007
        built = built or time.perf_counter() - start
        share = recall_of(truth, search(queries))
        if share >= ENOUGH:
            break
    alone = []
    for one in range(200):
        start = time.perf_counter()
        search(queries[one : one + 1])
        alone.append(time.perf_counter() - start)
    rate = len(queries) / timed({name: search}, queries, 3)[name]
    size = (folder / "saved").stat().st_size / 1e6
    print(f"| {name}: {about} | {share:.3f} | {built:.0f} | {1000 * statistics.median(alone):.2f} "
          f"| {rate:,.0f} | {memory[0]:,.0f} | {size:,.0f} |", flush=True)  # fmt: skip


def watch(most: list[float]) -> None:
    """Note the greatest memory that is not mapped from files, MB."""
    while True:
        found = Path("/proc/self/status").read_text(encoding="utf-8")
        most[0] = max(most[0], int(re.findall(r"RssAnon:\s+(\d+)", found)[0]) / 1e3)
        time.sleep(0.05)


def filtered(vectors: Any, queries: Any, folder: Path) -> None:
    """Ask for rows of which some may be found: drawn at random, or the far side of a plane."""
    file = Vectors(folder / "vectors", vectors.shape[1], len(vectors))
    lists = Inverted.build(file, np.arange(len(vectors)))
    random = np.random.default_rng(0)
    heights = {"at random": random.random(len(vectors)), "by a plane": vectors @ -queries.mean(0)}
    print("| may be found | | recall | ms | ms, every vector |\n|---|---|---|---|---|")
    for share in (0.95, 0.5, 0.1, 0.02):
        for title, height in heights.items():
            allowed = height <= np.quantile(height, share)
            among, truth = np.flatnonzero(allowed), true_nearest(vectors, queries[:200], allowed)
            found = lists.nearest(file, queries[:200], TOP, among, chosen=True)[0]
            ways = {"lists": lambda asked: lists.nearest(file, asked, TOP, among, chosen=True),  # noqa: B023
                    "exact": lambda asked: file.nearest(asked, TOP, among)}  # noqa: B023  # fmt: skip
            seconds = timed(ways, queries[:1], 15)
            print(f"| {len(among):,} ({share:.0%}) | {title} | {recall_of(truth, found):.3f} "
                  f"| {1000 * seconds['lists']:.2f} | {1000 * seconds['exact']:.2f} |")  # fmt: skip


def approximately(vectors: Any, queries: Any, names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        vectors.tofile(folder / "vectors")
        np.save(folder / "queries.npy", queries)
        np.save(folder / "truth.npy", true_nearest(vectors, queries))
        print("| way | recall@10 | build s | one ms | queries/s | memory MB | disk MB |\n"
              "|---|---|---|---|---|---|---|", flush=True)  # fmt: skip
        for name in names:
            if name in WAYS:
                command = [sys.executable, __file__, "--one-way", name, str(folder)]
                subprocess.run(command, check=True)  # noqa: S603
        if "filters" in names:
            filtered(vectors, queries, folder)
    if "cold" in names:
        with tempfile.TemporaryDirectory() as place:
            print(f"cold, open and one query: {cold(Path(place), vectors, approximate=True):.3f} s")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--width", type=int, default=384)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--approximate", action="store_true")
    options.add_argument("--sentences", type=Path)
    options.add_argument("--ways", nargs="+", default=[*WAYS, "filters", "cold"])
    options.add_argument("--one-way", nargs=2)
    chosen = options.parse_args()
    if chosen.one_way:
        one_way(chosen.one_way[0], Path(chosen.one_way[1]))
        return
    if chosen.sentences:
        kept = Path(tempfile.gettempdir()) / "sensorium-sentences.npy"
        if not kept.is_file():
            np.save(kept, embedded(chosen.sentences, sentences()))
        real = np.load(kept)
        queries, vectors = real[:MANY], grown(real[MANY:], chosen.rows)
    else:
        vectors, queries = (drawn(n, chosen.width, s) for n, s in ((chosen.rows, 1), (MANY, 2)))
    if chosen.approximate:
        approximately(vectors, queries, chosen.ways)
    else:
        exactly(vectors, queries, chosen.rounds)


if __name__ == "__main__":
    main()
