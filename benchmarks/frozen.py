"""What keeping features is worth: epochs on kept features against epochs that run the encoder.

    python benchmarks/frozen.py [--rows 400]

Clothing pictures through a frozen EfficientNet-Lite0; the same head, the same batches, in turn.
The first reading, which runs the encoder once a picture, is told apart.
"""

import argparse
import tempfile
import time

from sets import clothing

import sensorium as sm
from sensorium import encoders, fusion, tasks
from sensorium.preprocess import Shelf
from sensorium.store import limited

WIDTH = 64


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=400)
    count = options.parse_args().rows
    fold = next(clothing())
    assert not isinstance(fold.train, str)
    encoder = encoders.Pretrained("efficientnet-lite0", width=WIDTH)
    schema = sm.Schema({"image": encoder.suited(sm.Image())}, {"label": sm.Category()})
    table = sm.read(fold.train[:: max(1, len(fold.train) // count)][:count]).with_schema(schema)
    prep = sm.Preprocess.fit(table)
    model = sm.Model(prep, encoders={"image": encoder}, fusion=fusion.Concat(width=WIDTH),
                     task=tasks.Classify("label"))  # fmt: skip
    with limited(0):
        start = time.perf_counter()
        kept = model.shelf(table)
        print(f"{len(table)} pictures: read and run once in {time.perf_counter() - start:.1f} s")
    raw = Shelf.of(prep, table)
    times: dict[str, list[float]] = {"run every epoch": [], "kept": []}
    for _ in range(2):
        for name, shelf, epochs in (("run every epoch", raw, 1), ("kept", kept, 5)):
            plan = sm.Plan(epochs=epochs, rows_per_step=32, precision="fp32")
            with tempfile.TemporaryDirectory():
                run = sm.train(model, shelf, plan=plan, quiet=True)
            times[name] += [run.seconds / epochs]
            print(f"  {name}: {times[name][-1]:.3f} s an epoch", flush=True)
    slow, fast = (min(some) for some in times.values())
    print(f"kept features: {slow / fast:.0f} times faster an epoch")


if __name__ == "__main__":
    main()
