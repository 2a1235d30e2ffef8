"""What writing costs: kept keys and values against none, and a captioner's step against a hand's.

    python benchmarks/writing.py [--rounds 5]

Greedy writing of 64 tokens for 8 rows by the default decoder, once with the keys and values of
earlier tokens kept and once reading the whole text again for every token. Then the steps of a
captioner in our loop with all its features on, and in the shortest loop by hand, in turn, A B A B,
on rows that were read before; what begins and ends a fit is not counted.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from loop import by_hand

import sensorium as sm
from sensorium import decoders, encoders, fusion
from sensorium.core.batch import Layout
from sensorium.preprocess import Shelf

TOKENS, TEXTS, WIDTH = 64, 8, 128
ROWS, STEP, EPOCHS = 512, 32, 2


def kept(decoder: decoders.Decoder, memory: torch.Tensor, mask: torch.Tensor) -> float:
    start = time.perf_counter()
    decoders.write(decoder, memory, mask, decoders.Sampling(max_tokens=TOKENS))
    return time.perf_counter() - start


def again(decoder: decoders.Decoder, memory: torch.Tensor, mask: torch.Tensor) -> float:
    start = time.perf_counter()
    with torch.inference_mode():
        tokens = torch.full((len(memory), 1), decoder.end)
        for _ in range(TOKENS):
            scores = decoder(memory, mask, tokens)[:, -1]
            tokens = torch.cat([tokens, scores.argmax(1, keepdim=True)], 1)
    return time.perf_counter() - start


def cache(rounds: int) -> None:
    torch.manual_seed(0)
    for depth in (2, 6):
        decoder = decoders.TextDecoder(depth=depth).eval()
        decoder.setup(WIDTH, Layout("text", vocabulary=4_000, length=TOKENS))
        with torch.no_grad():
            decoder.bias[decoder.end] = -100.0  # so that all texts have 64 tokens
        memory, mask = torch.randn(TEXTS, 50, WIDTH), torch.ones(TEXTS, 50, dtype=torch.bool)
        kept(decoder, memory, mask)
        ratios = [again(decoder, memory, mask) / kept(decoder, memory, mask) for _ in range(rounds)]
        middle, low, high = statistics.median(ratios), min(ratios), max(ratios)
        print(
            f"depth {depth}: kept, {middle:.1f} times faster ({low:.1f} to {high:.1f})", flush=True
        )


def table() -> sm.Table:
    draws = np.random.default_rng(0)
    rows = [
        {
            "photo": draws.integers(0, 255, (64, 64, 3), dtype=np.uint8),
            "caption": " ".join(f"w{n}" for n in draws.integers(0, 400, 12)),
        }
        for _ in range(ROWS)
    ]
    return sm.read(rows, sm.Schema({"photo": sm.Image(size=64)}, {"caption": sm.Text()}))


def model(prep: sm.Preprocess) -> sm.Model:
    return sm.Model(
        prep,
        encoders={"photo": encoders.ResNet(width=WIDTH)},
        fusion=fusion.Mean(width=WIDTH),
        task=sm.Caption("caption"),
    )


def ours(net: sm.Model, shelf: Shelf) -> float:
    plan = sm.Plan(epochs=EPOCHS, rows_per_step=STEP, precision="fp32", ema=0.99)
    with tempfile.TemporaryDirectory() as folder:
        run = sm.train(net, shelf, plan=plan, out=Path(folder) / "run", quiet=True)
    return sum(ROWS / record["rows_per_second"] for record in run.history)


def steps(rounds: int) -> None:
    torch.set_flush_denormal(True)
    rows = table()
    prep = sm.Preprocess.fit(rows)
    shelf = Shelf.of(prep, rows)
    by_hand(model(prep), shelf, STEP, EPOCHS)
    ratios = []
    for _ in range(rounds):
        hand = by_hand(model(prep), shelf, STEP, EPOCHS)
        ratios.append(ours(model(prep), shelf) / hand)
        print(f"  by hand {hand:.2f} s, ratio {ratios[-1]:.3f}", flush=True)
    print(f"captioner: median ratio {statistics.median(ratios):.3f} "
          f"({min(ratios):.3f} to {max(ratios):.3f})")  # fmt: skip


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    asked = options.parse_args().rounds
    cache(asked)
    steps(asked)
