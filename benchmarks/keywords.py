"""Keywords: of English and Chinese abstracts, and of pictures with names.

    python benchmarks/keywords.py inspec [--seed 0] [--yake FOLDER]
    python benchmarks/keywords.py emoji
    python benchmarks/keywords.py csl_zh

inspec: 1,500 abstracts to learn from, 500 to be judged on (drawn with seed 0). ``--yake`` is a
folder with the package yake (pip install --target FOLDER yake), which answers the same rows;
it learns nothing, and its keywords are judged by the same scores. emoji: tags from picture and
name, from each alone in models of their own, and the paired differences. csl_zh: 1,000 Chinese
abstracts to learn from, 1,000 others to be judged on.
"""

import argparse
import csv
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from sets import ROOT, Rows, rows_of

import sensorium as sm
from sensorium.metrics import keyword_f1, keyword_hits, keyword_scores

DRAWS = 1_000


def dealt(rows: Rows, held: int) -> tuple[Rows, Rows]:
    """Hold some rows out, drawn with seed 0."""
    order = np.random.default_rng(0).permutation(len(rows))
    return [rows[i] for i in order[held:]], [rows[i] for i in order[:held]]


def inspec() -> tuple[Rows, Rows]:
    rows = rows_of("keyphrase_en/Inspec.csv")
    made = [
        {"text": row["text"], "keys": [" ".join(key.split()) for key in row["keys"].split("|")]}
        for row in rows
    ]
    return dealt(made, 500)


def csl_zh() -> tuple[Rows, Rows]:
    parts = []
    for part in ("dev", "test"):
        with (ROOT / "csl_zh" / f"kg_{part}.tsv").open(encoding="utf-8") as stream:
            lines = list(csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
        parts.append([{"text": line[1], "keys": line[2].split("_")} for line in lines])
    return parts[0], parts[1]


def emoji() -> tuple[Rows, Rows]:
    rows = [row for row in rows_of("emoji/table.csv", "image") if row["tags_en"]]
    made = [
        {"image": row["image"], "text": row["name_en"], "keys": row["tags_en"].split("|")}
        for row in rows
    ]
    return dealt(made, len(made) // 5)


def learned(train: Rows, test: Rows, inputs: list[str], seed: int) -> list[list[str]]:
    """Fit and answer the test rows."""
    start = time.perf_counter()
    kinds = {"keys": sm.Category(many=True)}
    if len(train[0]["text"]) > 60:
        kinds["text"] = sm.Text(max_tokens=400)
    run = sm.fit(
        train, task=sm.Keywords("keys"), inputs=inputs, kinds=kinds, test=test, out=None,
        seed=seed, quiet=True, minutes=6,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    said = run.model.predict(*({name: row[name] for name in inputs} for row in test))
    print(f"  {' + '.join(inputs)}: {seconds:.0f} s, {len(run.history)} epochs", flush=True)
    if run.report:
        print("  " + run.report.summary().splitlines()[0])
    return [[one["keyword"] for one in row] for row in said]


def told(name: str, said: list[list[str]], test: Rows) -> Any:
    """Print the scores with their intervals."""
    hits = keyword_hits(said, [row["keys"] for row in test])
    draws = np.random.default_rng(0)
    weight = draws.multinomial(len(test), np.full(len(test), 1 / len(test)), DRAWS)
    drawn = keyword_scores(hits, weight.astype(float))
    for score, value in keyword_scores(hits).items():
        low, high = np.percentile(drawn[score], [2.5, 97.5])
        print(f"  {name} {score} {value:.4f} ({low:.4f} to {high:.4f})")
    return hits, weight.astype(float)


def gained(ours: Any, others: Any, k: int, name: str) -> None:
    """Print a paired difference."""
    (hits, weight), (rival, _) = ours, others
    drawn = keyword_f1(hits, k, weight) - keyword_f1(rival, k, weight)
    low, high = np.percentile(drawn, [2.5, 97.5])
    value = keyword_f1(hits, k) - keyword_f1(rival, k)
    print(f"  F1@{k} above {name}: {value:+.4f} ({low:+.4f} to {high:+.4f})", flush=True)


def yake_of(test: Rows, folder: Path) -> list[list[str]]:
    sys.path.insert(0, str(folder))
    import yake  # noqa: PLC0415 - only this rival needs it

    found = yake.KeywordExtractor(lan="en", n=3, top=10)
    return [[word for word, _ in found.extract_keywords(row["text"])] for row in test]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("sets", nargs="*", default=["inspec", "emoji", "csl_zh"])
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--yake", type=Path)
    chosen = options.parse_args()
    for name in chosen.sets:
        train, test = {"inspec": inspec, "emoji": emoji, "csl_zh": csl_zh}[name]()
        print(f"{name}: {len(train)} rows, {len(test)} held out", flush=True)
        inputs = ["image", "text"] if name == "emoji" else ["text"]
        ours = told(" + ".join(inputs), learned(train, test, inputs, chosen.seed), test)
        for part in inputs if len(inputs) > 1 else []:
            alone = told(part, learned(train, test, [part], chosen.seed), test)
            gained(ours, alone, 5, f"{part} alone")
        if name == "inspec" and chosen.yake:
            gained(ours, told("yake", yake_of(test, chosen.yake), test), 10, "yake")


if __name__ == "__main__":
    main()
