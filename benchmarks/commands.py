"""Commands: intents in scope and out of it, from text; words from sound.

    python benchmarks/commands.py clinc150 [--quality good] [--seed 0]
    python benchmarks/commands.py speech_commands [--folds 1] [--seed 0] [--minutes 8]
        [--whisper FOLDER]

clinc150 on its own parts, out-of-scope rows included (Larson et al. 2019). speech_commands as
``accuracy.py`` splits it, by speaker; its class ``_unknown_``, words that are no command, is out of
scope, unless ``--closed`` takes it for one more command. Prints the scores of the test rows with
95 % intervals, and of several folds the mean.
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from itertools import islice

from sets import ROOT, Fold, speech_commands

import sensorium as sm
from sensorium.encoders import Pretrained

MINUTES = {"clinc150": 6.0, "speech_commands": 8.0}
OUTSIDE = {"clinc150": "oos", "speech_commands": "_unknown_"}


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


def judge(name: str, fold: Fold, options: argparse.Namespace) -> dict[str, float]:
    """Fit one fold and judge its test rows."""
    target = SETS[name][1]
    outside = None if options.closed else OUTSIDE[name]
    heard = Pretrained(options.whisper, width=64, seconds=2) if options.whisper else None
    start = time.perf_counter()
    run = sm.fit(
        fold.train, task=sm.Command(target, outside=outside), test=fold.test,
        minutes=options.minutes or MINUTES[name], out=None, seed=options.seed, quiet=True,
        quality=options.quality, encoders={"audio": heard} if heard else None, **fold.settings,
    )  # fmt: skip
    seconds = round(time.perf_counter() - start)
    assert run.report is not None
    found = run.report.targets[target].metrics
    print(f"{name} {fold.name}, seed {options.seed}: {seconds} s, {len(run.history)} epochs, "
          f"threshold {run.model.task.heads[target].threshold.item():.3f}")  # fmt: skip
    for score, its in found.items():
        print(f"  {score} {its.value:.4f} ({its.low:.4f} to {its.high:.4f})", flush=True)
    return {score: its.value for score, its in found.items()}


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("sets", nargs="*", default=list(SETS))
    options.add_argument("--folds", type=int, default=1)
    options.add_argument("--first", type=int, default=1, help="fold to begin with")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--quality", choices=["fast", "good", "best"])
    options.add_argument("--minutes", type=float, help="of a fit")
    options.add_argument("--whisper", help="the folder of a Whisper that listens, frozen")
    options.add_argument("--closed", action="store_true", help="nothing is out of scope")
    chosen = options.parse_args()
    for name in chosen.sets:
        found = [
            judge(name, fold, chosen)
            for fold in islice(SETS[name][0](), chosen.first - 1, chosen.folds)
        ]
        if len(found) > 1:
            means = {score: statistics.mean(each[score] for each in found) for score in found[0]}
            told = ", ".join(f"{score} {value:.4f}" for score, value in means.items())
            print(f"{name}, mean of {len(found)} folds: {told}")


if __name__ == "__main__":
    main()
