"""What the loop costs: our ``train`` against a hand-written PyTorch loop, same model, same data.

    python benchmarks/loop.py [--rounds 5]

Both train the same pictures + words + numbers model on rows that were read before, in turn,
A B A B; the ratio of each pair is printed. The hand-written loop does no more than it must:
batches, forward, backward, clip, step. Ours has everything on: modality dropout, averaged
weights, the finite check, counting, checkpoints.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import sensorium as sm
from sensorium import encoders, fusion, tasks
from sensorium.preprocess import Shelf

ROWS, STEP, EPOCHS, WIDTH = 1_024, 64, 2, 64
SCHEMA = sm.Schema(
    inputs={"picture": sm.Image(size=64), "words": sm.Text(max_tokens=24), "x": sm.Number()},
    targets={"side": sm.Category()},
)


def table() -> sm.Table:
    draws = np.random.default_rng(0)
    rows = [
        {
            "picture": draws.integers(0, 255, (64, 64, 3), dtype=np.uint8),
            "words": " ".join(f"w{n}" for n in draws.integers(0, 500, 20)),
            "x": float(draws.normal()),
            "side": "ab"[number % 2],
        }
        for number in range(ROWS)
    ]
    return sm.read(rows, SCHEMA)


def model(prep: sm.Preprocess) -> sm.Model:
    return sm.Model(
        prep,
        encoders={
            "picture": encoders.ResNet(width=WIDTH),
            "words": encoders.TextTransformer(width=WIDTH, depth=2),
            "x": encoders.Numbers(width=WIDTH),
        },
        fusion=fusion.Concat(width=WIDTH),
        task=tasks.Classify("side"),
    )


def by_hand(net: sm.Model, shelf: Shelf, step: int = STEP, epochs: int = EPOCHS) -> float:
    start = time.perf_counter()
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, fused=True)
    net.train()
    for _ in range(epochs):
        order = torch.randperm(len(shelf)).tolist()
        for place in range(0, len(shelf), step):
            batch = shelf.batch(order[place : place + step])
            loss = sum(net.task.loss(net(batch), batch).values())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()
    return time.perf_counter() - start


def ours(net: sm.Model, shelf: Shelf, *, dropout: float) -> float:
    plan = sm.Plan(
        epochs=EPOCHS, rows_per_step=STEP, precision="fp32", ema=0.99, modality_dropout=dropout
    )
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        sm.train(net, shelf, plan=plan, out=Path(folder) / "run", quiet=True)
        return time.perf_counter() - start


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=5)
    rounds = options.parse_args().rounds
    torch.set_flush_denormal(True)
    rows = table()
    prep = sm.Preprocess.fit(rows)
    shelf = Shelf.of(prep, rows)
    by_hand(model(prep), shelf)
    for dropout, title in ((0.0, "all features, no cells hidden"), (0.15, "15 % of cells hidden")):
        ratios = []
        for _ in range(rounds):
            hand = by_hand(model(prep), shelf)
            mine = ours(model(prep), shelf, dropout=dropout)
            ratios.append(mine / hand)
            print(f"  by hand {hand:.2f} s, ours {mine:.2f} s, ratio {ratios[-1]:.3f}", flush=True)
        print(f"{title}: median ratio {statistics.median(ratios):.3f} "
              f"({min(ratios):.3f} to {max(ratios):.3f})")  # fmt: skip


if __name__ == "__main__":
    main()
