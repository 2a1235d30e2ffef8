"""Rows whose text does not fit into their sound are counted once each, however a fit goes."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import heard_rows
import pytest
from torch import Tensor

import sensorium as sm

NOTE = "said: 6 training rows taught nothing"
NAMED = "(rows 1, 5, 9, 13, 17, ...)"


def told(notes: list[list[str]]) -> None:
    (note,), later = notes
    assert note.startswith(NOTE)
    assert NAMED in note
    assert later == []


@pytest.mark.parametrize("steps", [1, 3, 5])
def test_a_fit_cut_in_its_first_epoch_counts_them_all(tmp_path: Path, steps: int) -> None:
    def cut(step: int, losses: Mapping[str, Tensor]) -> None:
        if step == steps + 1:
            raise KeyboardInterrupt

    model, table = heard_rows.hearer()
    with pytest.raises(KeyboardInterrupt):
        sm.train(model, table, plan=heard_rows.PLAN, out=tmp_path, quiet=True, on_step=cut)
    run = sm.train(
        heard_rows.hearer()[0], table, plan=heard_rows.PLAN, out=tmp_path, resume=True, quiet=True
    )
    told([record.get("notes", []) for record in run.history])


@pytest.mark.timeout(300)
def test_all_processes_count_theirs() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
              "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}  # fmt: skip
    running = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", heard_rows.__file__],
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    for process in running:
        said, failed = process.communicate(timeout=240)
        assert process.returncode == 0, failed
        told(json.loads(said.splitlines()[-1]))
