"""Words find pictures: text and photo towers that are frozen, and projections learned on top.

    python benchmarks/alignment.py flickr8k tuxpaint_en tuxpaint_zh [--splits 3]

flickr8k: 150 photos with their five captions each are held out, drawn anew for each split.
tuxpaint: 200 pictures are held out, those of one digest together; the name finds the picture.
Needs the weights of ``sensorium[starter]``.
"""

import argparse
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from sets import ROOT, rows_of

import sensorium as sm

SETS = {
    "flickr8k": ("image", "captions_en", 150),
    "tuxpaint_en": ("image", "text_en", 200),
    "tuxpaint_zh": ("image", "text_zh", 200),
}
SCORES = ("recall_at_1", "recall_at_5", "recall_at_10", "mrr", "median_rank")


def rows(name: str) -> list[dict[str, Any]]:
    """Read a set; rows of one ``same`` belong together."""
    image, text, _ = SETS[name]
    folder = name.split("_", maxsplit=1)[0]
    found = rows_of(f"{'flickr8k_train' if folder == 'flickr8k' else folder}/table.csv", image)
    found = [row for row in found if row[image] and row[text]]
    for row in found:
        row["same"] = hashlib.sha256(Path(row[image]).read_bytes()).hexdigest()
    return found


def split(found: list[dict[str, Any]], held_out: int, seed: int) -> tuple[Any, Any]:
    """Hold out groups until there are so many rows."""
    groups = sorted({row["same"] for row in found})
    order = np.random.default_rng(seed).permutation(len(groups))
    taken: set[str] = set()
    for place in order:
        if sum(row["same"] in taken for row in found) >= held_out:
            break
        taken.add(groups[place])
    parts: tuple[list[Any], list[Any]] = ([], [])
    for row in found:
        parts[row["same"] in taken].append(row)
    return parts


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("sets", nargs="*", default=list(SETS))
    options.add_argument("--splits", type=int, default=3)
    chosen = options.parse_args()
    for name in chosen.sets:
        image, text, held_out = SETS[name]
        found = rows(name)
        lines = []
        for seed in range(chosen.splits):
            train, test = split(found, held_out, seed)
            keep = [{key: row[key] for key in (image, text)} for row in train]
            tested = [{key: row[key] for key in (image, text)} for row in test]
            test_table = sm.read(tested)
            if name == "flickr8k":
                test_table = test_table.explode(text)
            start = time.perf_counter()
            run = sm.fit(keep, task=sm.Align(image, text), test=test_table, out=None, seed=seed,
                         quiet=True)  # fmt: skip
            seconds = time.perf_counter() - start
            searches = run.report.searches
            lines.append(
                {d: {s: one.metrics[s].value for s in SCORES} for d, one in searches.items()}
            )
            for direction, one in searches.items():
                shown = ", ".join(f"{s} {one.metrics[s]}" for s in SCORES[:3])
                print(f"  {name} split {seed} {direction}: {shown}; {seconds:.0f} s", flush=True)
        for direction in lines[0]:
            means = {s: float(np.mean([line[direction][s] for line in lines])) for s in SCORES}
            shown = {s: round(v, 3) for s, v in means.items()}
            line = {"set": name, "direction": direction, "splits": len(lines), **shown}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    assert ROOT.is_dir(), f"{ROOT} is not there: set SENSORIUM_DATA"
    main()
