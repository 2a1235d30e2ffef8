"""The table on which the peers were measured: fit, score, one row, 256 rows.

    python benchmarks/peers.py

Default ``sensorium.fit`` on 2,000 rows (picture 64 px, a phrase, 4 numbers), 600 other rows to
be judged on; then single rows and a batch of 256 through ``model.predict``. Figures of AutoGluon
and Ludwig on the same table stand in benchmarks/peers.md.
"""

import json
import statistics
import time

from sets import SETS

import sensorium as sm


def main() -> None:
    make, metric, _ = SETS["emoji_peers"]
    fold = next(make())
    start = time.perf_counter()
    run = sm.fit(fold.train, test=fold.test, out=None, quiet=True, **fold.settings)
    fitted = time.perf_counter() - start
    assert run.report is not None
    print(run.report.summary())
    inputs = [{k: v for k, v in row.items() if k != "label"} for row in fold.test]
    run.model.predict(inputs[0])
    one = []
    for row in inputs[:100]:
        start = time.perf_counter()
        run.model.predict(row)
        one.append(time.perf_counter() - start)
    many = []
    for _ in range(5):
        start = time.perf_counter()
        run.model.predict(*inputs[:256])
        many.append(time.perf_counter() - start)
    right = [
        a == row["label"] for a, row in zip(run.model.predict(*inputs), fold.test, strict=True)
    ]
    print(json.dumps({
        "fit and report s": round(fitted, 1), "training s": round(run.seconds, 1),
        metric: round(sum(right) / len(right), 4),
        "one row ms": round(1_000 * statistics.median(one), 1),
        "256 rows s": round(statistics.median(many), 3),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
