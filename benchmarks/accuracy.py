"""Accuracy on real sets with the default settings of ``sensorium.fit``.

    python benchmarks/accuracy.py clothing esc10 ... [--out results.jsonl] [--folds 1] [--seed 0]
        [--quality good]

For each fold: a fit on its training rows, the score on its test rows. All folds' test rows are
pooled for the interval. Prints one line a set, as in docs/benchmarks.md.
"""

import argparse
import json
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sets import SETS, Fold

import sensorium as sm
from sensorium.evaluate import collect


def judge(fold: Fold, minutes: float, seed: int, quality: str | None) -> dict[str, Any]:
    """Fit one fold; keep what the model said of every test row."""
    start = time.perf_counter()
    run = sm.fit(
        fold.train, test=fold.test, minutes=minutes, out=None, seed=seed, quiet=True,
        quality=quality, **fold.settings,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    table = sm.read(fold.test).with_schema(run.model.schema)
    outcome = collect(run.model, run.model.shelf(table))
    target = run.model.task.targets[0]
    return {
        "head": run.model.task.heads[target],
        "truth": outcome.truth[target],
        "decided": outcome.decided[target],
        "alone": {name: found[target] for name, found in outcome.alone.items()},
        "classes": getattr(run.model.prep.steps[target], "classes", None),
        "seconds": seconds,
        "epochs": len(run.history),
        "settled": dict(run.settled),
        "verdict": run.report.summary().splitlines()[0] if run.report else "",
    }


def pooled(found: list[dict[str, Any]], key: str, part: str | None = None) -> Any:
    return np.concatenate([f["alone"][part] if part else f[key] for f in found])


def interval(head: Any, metric: str, truth: Any, decided: Any, seed: int) -> tuple[float, ...]:
    """Score with a 95 % bootstrap interval over rows."""
    draws = np.random.default_rng(seed)
    counts = draws.multinomial(len(truth), np.full(len(truth), 1 / len(truth)), 500)
    scores = [float(head.metrics(truth, decided, weight=w)[metric]) for w in counts.astype(float)]
    low, high = np.percentile(scores, [2.5, 97.5])
    return float(head.metrics(truth, decided)[metric]), float(low), float(high)


def measure(name: str, folds: int | None, seed: int, quality: str | None) -> dict[str, Any]:
    """Measure one set."""
    make, metric, minutes = SETS[name]
    found = []
    for number, fold in enumerate(make()):
        if folds is not None and number >= folds:
            break
        found.append(judge(fold, minutes, seed, quality))
        last = found[-1]
        score = float(last["head"].metrics(last["truth"], last["decided"])[metric])
        print(f"  {name} {fold.name}: {score:.4f} in {last['seconds']:.0f} s, "
              f"{last['epochs']} epochs; {last['verdict']}", flush=True)  # fmt: skip
    head = found[0]["head"]
    truth = pooled(found, "truth")
    scores = {"fused": interval(head, metric, truth, pooled(found, "decided"), seed)}
    for part in found[0]["alone"]:
        if all(part in f["alone"] for f in found):
            scores[part] = interval(head, metric, truth, pooled(found, "", part), seed)
    return {
        "set": name,
        "metric": metric,
        "rows": len(truth),
        "scores": {n: [round(x, 4) for x in s] for n, s in scores.items()},
        "seconds": [round(f["seconds"]) for f in found],
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "seed": seed,
    }


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("sets", nargs="*", default=list(SETS))
    options.add_argument("--out", type=Path)
    options.add_argument("--folds", type=int)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--quality", choices=["fast", "good", "best"])
    chosen = options.parse_args()
    for name in chosen.sets:
        result = measure(name, chosen.folds, chosen.seed, chosen.quality)
        line = json.dumps(result)
        fused, low, high = result["scores"]["fused"]
        print(f"{name}: {result['metric']} {fused:.4f} ({low:.4f} to {high:.4f}), "
              f"{sum(result['seconds'])} s", flush=True)  # fmt: skip
        print(line, flush=True)
        if chosen.out:
            with chosen.out.open("a") as stream:
                stream.write(line + "\n")


if __name__ == "__main__":
    main()
