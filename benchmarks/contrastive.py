"""What a contrastive step costs: ours, a hand-written loop, open_clip's loss; and its memory.

    python benchmarks/contrastive.py [--rounds 5] [--open-clip FOLDER] [--precision bf16]
    python benchmarks/contrastive.py --memory

All train the same tiny towers (a ResNet of 64 px, a Transformer of 24 tokens) on the same rows,
in turn; ours alone in another precision where that is asked for. FOLDER holds open_clip's own
``loss.py`` (its package needs torchvision, the file does not); its step is that of its
``train_one_epoch``: AdamW as it makes it, no clipping, the scale clamped. ``--memory`` compares the
most memory of a batch of 256 with one of 4,096 in passes of 256, each in a process of its own,
beside a process that only reads the rows.
"""

import argparse
import importlib.util
import math
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import sensorium as sm
from sensorium import encoders, fusion
from sensorium.preprocess import Shelf

STEP, STEPS, WIDTH = 128, 12, 64
LARGE, PASS = 4_096, 256
SCHEMA = sm.Schema(inputs={"left": sm.Image(size=64), "right": sm.Text(max_tokens=24)})


def table(rows: int) -> sm.Table:
    draws = np.random.default_rng(0)
    made = [
        {
            "left": draws.integers(0, 255, (64, 64, 3), dtype=np.uint8),
            "right": " ".join(f"w{n}" for n in draws.integers(0, 2_000, 14)),
        }
        for _ in range(rows)
    ]
    return sm.read(made, SCHEMA)


def model(prep: sm.Preprocess) -> sm.Model:
    parts = {
        "left": encoders.ResNet(width=WIDTH),
        "right": encoders.TextTransformer(width=WIDTH, depth=2, dropout=0.0, token_dropout=0.0),
    }
    task = sm.Align("left", "right")
    return sm.Model(prep, encoders=parts, fusion=fusion.Mean(width=WIDTH), task=task)


def batches(shelf: Shelf) -> list[Any]:
    order = np.random.default_rng(0).permutation(len(shelf))
    return [shelf.batch(order[n * STEP : (n + 1) * STEP]) for n in range(STEPS)]


def vectors(net: sm.Model, batch: Any) -> tuple[Any, Any]:
    encoded = net.encode(batch)
    return tuple(
        torch.nn.functional.normalize(encoded[n].pooled(), dim=-1) for n in ("left", "right")
    )


def by_hand(net: sm.Model, shelf: Shelf) -> float:
    start = time.perf_counter()
    net.train()
    scale = torch.nn.Parameter(torch.tensor(math.log(1 / 0.07)))
    optimiser = torch.optim.AdamW([*net.parameters(), scale], lr=1e-3, fused=True)
    truth = torch.arange(STEP)
    for batch in batches(shelf):
        left, right = vectors(net, batch)
        near = left @ right.T * scale.exp()
        cross = torch.nn.functional.cross_entropy
        loss = (cross(near, truth) + cross(near.T, truth)) / 2
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
    return time.perf_counter() - start


def open_clip(net: sm.Model, shelf: Shelf, loss: Any) -> float:
    start = time.perf_counter()
    net.train()
    scale = torch.nn.Parameter(torch.tensor(math.log(1 / 0.07)))
    optimiser = torch.optim.AdamW([*net.parameters(), scale], lr=1e-3)
    for batch in batches(shelf):
        optimiser.zero_grad()
        left, right = vectors(net, batch)
        loss(left, right, scale.exp()).backward()
        optimiser.step()
        with torch.no_grad():
            scale.clamp_(0, math.log(100))
    return time.perf_counter() - start


def ours(net: sm.Model, shelf: Shelf, precision: Any) -> float:
    plan = sm.Plan(
        epochs=1, rows_per_step=STEP, precision=precision, modality_dropout=0.0, ema=0.99
    )
    start = time.perf_counter()
    sm.train(net, shelf, plan=plan, quiet=True)
    return time.perf_counter() - start


def speed(rounds: int, folder: Path | None, precision: str) -> None:
    torch.set_flush_denormal(True)
    rows = table(STEP * STEPS)
    prep = sm.Preprocess.fit(rows)
    shelf = model(prep).shelf(rows)
    rival = None
    if folder:
        spec = importlib.util.spec_from_file_location("open_clip_loss", folder / "loss.py")
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        rival = module.ClipLoss(cache_labels=True)
    by_hand(model(prep), shelf)
    against: dict[str, list[float]] = {"a hand-written loop": [], "open_clip's step": []}
    for _ in range(rounds):
        hand, mine = by_hand(model(prep), shelf), ours(model(prep), shelf, precision)
        against["a hand-written loop"].append(mine / hand)
        line = f"  by hand {hand:.2f} s, ours {mine:.2f} s"
        if rival:
            theirs = open_clip(model(prep), shelf, rival)
            against["open_clip's step"].append(mine / theirs)
            line += f", open_clip {theirs:.2f} s"
        print(line, flush=True)
    for name, ratios in against.items():
        if ratios:
            print(f"ours against {name}: median ratio {statistics.median(ratios):.3f} "
                  f"({min(ratios):.3f} to {max(ratios):.3f})")  # fmt: skip


def step_of(rows_per_step: int, rows_per_pass: int, steps: int) -> None:
    """Make some steps and print the most memory of this process, MB."""
    rows = table(LARGE)
    prep = sm.Preprocess.fit(rows)
    net = model(prep)
    shelf = net.shelf(rows)
    if steps:
        plan = sm.Plan(epochs=1, rows_per_step=rows_per_step, rows_per_pass=rows_per_pass,
                       precision="fp32", modality_dropout=0.0)  # fmt: skip
        sm.train(net, shelf, plan=plan, quiet=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def memory() -> None:
    found = {}
    for name, arguments in {
        "reading alone": (PASS, 0, 0),
        f"batch {PASS}": (PASS, 0, 1),
        f"batch {LARGE:,} in passes of {PASS}": (LARGE, PASS, 1),
    }.items():
        command = [sys.executable, __file__, "--step", *map(str, arguments)]
        said = subprocess.run(  # noqa: S603  this file itself
            command, capture_output=True, text=True, check=True
        ).stdout
        found[name] = float(said)
        print(f"{name}: {found[name]:,.0f} MB", flush=True)
    _, small, large = found.values()
    print(f"ratio {large / small:.3f}")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--open-clip", type=Path)
    options.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    options.add_argument("--memory", action="store_true")
    options.add_argument("--step", type=int, nargs=3)
    chosen = options.parse_args()
    if chosen.step:
        step_of(*chosen.step)
    elif chosen.memory:
        memory()
    else:
        speed(chosen.rounds, chosen.open_clip, chosen.precision)


if __name__ == "__main__":
    main()
