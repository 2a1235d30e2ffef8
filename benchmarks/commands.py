"""Commands: intents in scope and out of it, from text; words from sound.

    python benchmarks/commands.py clinc150 [--quality good] [--seed 0]
    python benchmarks/commands.py speech_commands [--folds 1] [--seed 0]

clinc150 on its own parts, out-of-scope rows included (Larson et al. 2019). speech_commands as
``accuracy.py`` splits it, by speaker; the words that are no command are out of scope in
``--outside``. Prints the scores of the test rows with 95 % intervals.
"""

import argparse
import json
import time
from collections.abc import Iterator
from typing import Any

from sets import ROOT, Fold, speech_commands

import sensorium as sm

MINUTES = {"clinc150": 6.0, "speech_commands": 8.0}


def clinc150() -> Iterator[Fold]:
    """Intents, and what is none of them, on the set's own parts."""
    (file,) = (ROOT / "clinc150").glob("data_*.json")
    said = json.loads(file.read_text(encoding="utf-8"))
    parts = {
        part: [
            {"text": text, "intent": intent} for text, intent in said[part] + said[f"oos_{part}"]
        ]
        for part in ("train", "val", "test")
    }
    settings = {"valid": parts["val"], "kinds": {"text": sm.Text(), "intent": sm.Category()}}
    yield Fold("own", parts["train"], parts["test"], settings)


def sounds() -> Iterator[Fold]:
    for fold in speech_commands():
        settings = {name: value for name, value in fold.settings.items() if name != "target"}
        yield Fold(fold.name, fold.train, fold.test, settings)


SETS = {"clinc150": (clinc150, "intent"), "speech_commands": (sounds, "label")}


def judge(name: str, fold: Fold, options: argparse.Namespace) -> dict[str, Any]:
    """Fit one fold and judge its test rows."""
    target = SETS[name][1]
    outside = {"clinc150": "oos"}.get(name, options.outside)
    start = time.perf_counter()
    run = sm.fit(
        fold.train, task=sm.Command(target, outside=outside), test=fold.test,
        minutes=MINUTES[name], out=None, seed=options.seed, quiet=True, quality=options.quality,
        **fold.settings,
    )  # fmt: skip
    seconds = round(time.perf_counter() - start)
    assert run.report is not None
    found = run.report.targets[target].metrics
    print(f"{name} {fold.name}, seed {options.seed}: {seconds} s, {len(run.history)} epochs, "
          f"threshold {run.model.task.heads[target].threshold.item():.3f}")  # fmt: skip
    for score, its in found.items():
        print(f"  {score} {its.value:.4f} ({its.low:.4f} to {its.high:.4f})", flush=True)
    return {"run": run, "scores": found}


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("sets", nargs="*", default=list(SETS))
    options.add_argument("--folds", type=int, default=1)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--quality", choices=["fast", "good", "best"])
    options.add_argument("--outside", help="of speech_commands: the class that is out of scope")
    chosen = options.parse_args()
    for name in chosen.sets:
        for number, fold in enumerate(SETS[name][0]()):
            if number < chosen.folds:
                judge(name, fold, chosen)


if __name__ == "__main__":
    main()
