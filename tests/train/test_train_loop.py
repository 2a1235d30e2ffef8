"""The loop: learns, keeps the best, resumes bit for bit, stops clearly."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest_train import SCHEMA, tiny_model, tiny_rows, tiny_table
from safetensors import SafetensorError

import sensorium as sm
from sensorium import encoders, fusion, tasks
from sensorium.core.errors import ArtifactError, PlanError, TrainingError
from sensorium.train import checkpoint, failures, trial
from sensorium.train import fit as fit_module
from sensorium.train.checkpoint import checkpoints, load_checkpoint

PLAN = sm.Plan(
    epochs=4, rows_per_step=16, rate=5e-3, ema=0.9, precision="fp32", checkpoint_seconds=0.0,
    augment=("flip",),
)  # fmt: skip
Tables = tuple[sm.Table, sm.Table]


def weights(model: sm.Model) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in model.state_dict().items()}


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(left[name], right[name]) for name in left)


def test_it_learns_and_writes_a_run(tables: Tables, tmp_path: Path) -> None:
    train, valid = tables
    plan = sm.Plan(epochs=12, rows_per_step=16, rate=5e-3, precision="fp32")
    run = sm.train(tiny_model(train), train, valid=valid, plan=plan, out=tmp_path / "run",
                   quiet=True)  # fmt: skip
    assert run.history[-1]["loss"] < 0.5 * run.history[0]["loss"]
    assert max(record["score"] for record in run.history) > 0.9
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(12))
    again = sm.load(tmp_path / "run" / "model")
    rows = list(valid)
    assert again.predict(*rows) == run.model.predict(*rows)


def test_rows_may_come_as_whatever_is_read(tables: Tables) -> None:
    train, valid = tables
    rows, others = list(train), list(valid)
    plan = sm.Plan(epochs=1, precision="fp32")
    runs = [sm.train(tiny_model(train), *given, plan=plan, quiet=True)
            for given in ((train, valid), (rows, others))]  # fmt: skip
    assert same(weights(runs[0].model), weights(runs[1].model))
    assert runs[0].history[0]["score"] == runs[1].history[0]["score"]


def test_the_same_seed_gives_the_same_run(tables: Tables) -> None:
    train, valid = tables
    runs = [sm.train(tiny_model(train), train, valid, plan=PLAN, quiet=True) for _ in range(2)]
    assert same(weights(runs[0].model), weights(runs[1].model))
    assert [r["loss"] for r in runs[0].history] == [r["loss"] for r in runs[1].history]


class KilledError(Exception):
    pass


@pytest.mark.parametrize("after", [1, 6, 7, 15])
def test_a_fit_cut_off_anywhere_ends_bit_identical(
    tables: Tables, tmp_path: Path, after: int
) -> None:
    train, valid = tables
    whole = sm.train(tiny_model(train), train, valid, plan=PLAN, out=tmp_path / "w", quiet=True)

    def cut(step: int, _: object) -> None:
        if step == after:
            raise KilledError

    with pytest.raises(KilledError):
        sm.train(tiny_model(train), train, valid, plan=PLAN, out=tmp_path / "c", on_step=cut,
                 quiet=True)  # fmt: skip
    resumed = sm.train(
        tiny_model(train, seed=9), train, valid, plan=PLAN, out=tmp_path / "c", resume=True,
        quiet=True,
    )  # fmt: skip
    assert same(weights(whole.model), weights(resumed.model))
    assert [r["loss"] for r in whole.history] == [r["loss"] for r in resumed.history]


def test_an_average_resumes_bit_identical_where_epochs_end_within_an_accumulation(
    tmp_path: Path,
) -> None:
    train, plan = tiny_table(80), replace(PLAN, epochs=3, accumulate=2)  # 5 batches, 3 steps

    def cut(step: int, _: object) -> None:
        if step == 12:
            raise KilledError

    whole = sm.train(tiny_model(train), train, plan=plan, quiet=True)
    with pytest.raises(KilledError):
        sm.train(tiny_model(train), train, plan=plan, out=tmp_path, on_step=cut, quiet=True)
    resumed = sm.train(tiny_model(train), train, plan=plan, out=tmp_path, resume=True, quiet=True)
    assert same(weights(whole.model), weights(resumed.model))


def test_an_average_that_was_not_kept_is_named(tables: Tables, tmp_path: Path) -> None:
    plan = replace(PLAN, epochs=1, ema=0.0)
    sm.train(tiny_model(tables[0]), tables[0], plan=plan, out=tmp_path, quiet=True)
    with pytest.raises(ArtifactError, match="no average of the weights: resume with ema = 0"):
        sm.train(tiny_model(tables[0]), tables[0], plan=PLAN, out=tmp_path, resume=True, quiet=True)


PROGRAM = """
import sys, torch
sys.path.insert(0, sys.argv[2])
torch.set_num_threads(1)
import sensorium as sm
from conftest_train import tiny_model, tiny_table
plan = sm.Plan(epochs=40, rows_per_step=16, rate=5e-3, ema=0.9, precision="fp32",
               checkpoint_seconds=0.0)
train, valid = tiny_table(), tiny_table(40, seed=1)
sm.train(tiny_model(train), train, valid, plan=plan, out=sys.argv[1], resume=True, quiet=True)
"""


def test_kill_minus_nine_then_resume_ends_bit_identical(tmp_path: Path) -> None:
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", PROGRAM]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    subprocess.run([*command, str(whole), here], check=True)
    for steps in (3, 40, 120):
        with subprocess.Popen([*command, str(cut), here]) as process:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and process.poll() is None:
                names = [p.name for p in checkpoints(cut)] if cut.exists() else []
                if names and int(names[-1].split("-")[1]) >= steps:
                    break
                time.sleep(0.002)
            os.kill(process.pid, signal.SIGKILL)
    subprocess.run([*command, str(cut), here], check=True)
    expected = (whole / "model" / "weights.safetensors").read_bytes()
    assert (cut / "model" / "weights.safetensors").read_bytes() == expected


def test_resuming_a_finished_fit_changes_nothing(tables: Tables, tmp_path: Path) -> None:
    train, valid = tables
    first = sm.train(tiny_model(train), train, valid, plan=PLAN, out=tmp_path, quiet=True)
    again = sm.train(tiny_model(train), train, valid, plan=PLAN, out=tmp_path, resume=True,
                     quiet=True)  # fmt: skip
    assert same(weights(first.model), weights(again.model))
    with pytest.raises(ArtifactError, match="holds a fit already"):
        sm.train(tiny_model(train), train, valid, plan=PLAN, out=tmp_path, quiet=True)


def test_accumulating_equals_the_larger_batch(tables: Tables) -> None:
    """Without dropout or batch norm, two batches of 8 give the gradient of one of 16."""
    rows = [{"x": float(i), "y": float(i % 5)} for i in range(32)]
    schema = sm.Schema(inputs={"x": sm.Number()}, targets={"y": sm.Number()})
    table = sm.read(rows, schema)

    def run(size: int, accumulate: int) -> sm.Model:
        model = sm.Model(
            sm.Preprocess.fit(table),
            encoders={"x": encoders.Numbers(width=4)},
            fusion=fusion.Mean(width=4),
            task=tasks.Regress("y", auxiliary=0.0),
        )
        plan = sm.Plan(epochs=1, rows_per_step=size, accumulate=accumulate, optimiser="sgd",
                       rate=0.1, warmup=0.0, schedule="constant", clip=0.0,
                       precision="fp32")  # fmt: skip
        return sm.train(model, table, plan=plan, quiet=True).model

    for accumulate in (4, 16):  # of the last batches of an epoch there may be fewer
        for one, two in zip(run(32, 1).parameters(), run(8, accumulate).parameters(), strict=True):
            torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)


def test_a_score_that_is_no_number_chooses_nothing() -> None:
    schema = sm.Schema(inputs={"x": sm.Number()}, targets={"y": sm.Category(many=True)})
    train = sm.read([{"x": float(i), "y": ["ab"[i % 2]]} for i in range(32)], schema)
    valid = sm.read([{"x": float(i), "y": []} for i in range(8)], schema)  # no tag to be ranked
    model = sm.Model(
        sm.Preprocess.fit(train), encoders={"x": encoders.Numbers(width=8)},
        fusion=fusion.Mean(width=8), task=tasks.Tag("y"),
    )  # fmt: skip
    plan = sm.Plan(epochs=3, patience=1, precision="fp32")
    run = sm.train(model, train, valid, plan=plan, quiet=True)
    assert [record["score"] for record in run.history] == [None] * 3


def test_early_stopping_and_the_best_epoch(tables: Tables) -> None:
    train, valid = tables
    plan = sm.Plan(epochs=50, rows_per_step=16, rate=5e-3, patience=2, precision="fp32")
    run = sm.train(tiny_model(train), train, valid, plan=plan, quiet=True)
    scores = [record["score"] for record in run.history]
    assert len(scores) < 50
    assert len(scores) - 1 - scores.index(max(scores)) == 2
    assert sm.evaluate(run.model, valid).rows == len(valid)


@pytest.mark.parametrize(
    "options", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.2, "cutmix": 1.0}]
)
def test_mixing_rows_learns(options: dict[str, float]) -> None:
    schema = sm.Schema(inputs={"picture": SCHEMA.inputs["picture"]}, targets=SCHEMA.targets)
    table = sm.read(tiny_rows(), schema)
    model = sm.Model(
        sm.Preprocess.fit(table),
        encoders={"picture": encoders.ConvNet(width=8, stages=(6,))},
        fusion=fusion.Mean(width=8),
        task=tasks.Classify("side"),
    )
    plan = sm.Plan(epochs=12, rows_per_step=16, rate=1e-2, precision="fp32", **options)  # type: ignore[arg-type]
    run = sm.train(model, table, plan=plan, quiet=True)
    right = [a == row["side"] for a, row in zip(run.model.predict(*table), table, strict=True)]
    assert sum(right) / len(right) > 0.8


def test_mixing_words_is_refused(tables: Tables) -> None:
    with pytest.raises(PlanError, match=r"mixup needs inputs that can be averaged; \['words'\]"):
        sm.train(tiny_model(tables[0]), tables[0], plan=sm.Plan(mixup=0.2), quiet=True)


def test_a_loss_that_is_not_finite_names_the_rows(tables: Tables, tmp_path: Path) -> None:
    rows = tiny_rows(32)
    schema = sm.Schema(inputs=SCHEMA.inputs, targets=SCHEMA.targets)
    table = sm.read(rows, schema)
    model = tiny_model(table)
    kept = model.task.loss

    def sick(features: Any, batch: Any) -> dict[str, torch.Tensor]:
        losses = kept(features, batch)
        return {n: v * float("nan") if 13 in batch.rows else v for n, v in losses.items()}

    model.task.loss = sick  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match=r"is not finite; rows 13 give it even alone"):
        sm.train(model, table, plan=PLAN, out=tmp_path / "run", quiet=True)
    assert checkpoints(tmp_path / "run")
    load_checkpoint(checkpoints(tmp_path / "run")[-1])


def test_diverged_weights_are_told_from_sick_rows(tables: Tables) -> None:
    model = tiny_model(tables[0])
    with torch.no_grad():
        next(model.fusion.parameters()).fill_(float("nan"))
        for weight in model.fusion.parameters():
            weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match="the weights have diverged: lower the rate"):
        sm.train(model, tables[0], plan=PLAN, quiet=True)


def test_a_full_disk_stops_clearly_and_keeps_the_last_checkpoint(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, calls = checkpoint.save_file, []

    def full(*args: Any, **keywords: Any) -> None:
        calls.append(1)
        if len(calls) > 6:
            raise OSError(28, "No space left on device")
        save(*args, **keywords)

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(TrainingError, match=r"disk is full, .*; the last checkpoint, .* is whole"):
        sm.train(tiny_model(tables[0]), tables[0], plan=PLAN, out=tmp_path, quiet=True)
    progress, tensors = load_checkpoint(checkpoints(tmp_path)[-1])
    assert progress.total > 0
    assert tensors["weights"]


NO_ROOM = "Error while serializing: I/O error: No space left on device (os error 28)"


@pytest.mark.parametrize("error", [SafetensorError(NO_ROOM), OSError(28, "No space left")])
def test_a_full_disk_is_told_whatever_was_being_written(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise error

    plan = replace(PLAN, epochs=1)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_file", full)
        with pytest.raises(TrainingError, match=r"disk is full, .*; there is no checkpoint yet"):
            sm.train(tiny_model(tables[0]), tables[0], plan=plan, out=tmp_path / "a", quiet=True)
    monkeypatch.setattr(sm.Model, "save", full)
    with pytest.raises(TrainingError, match=r"disk is full, .*; the last checkpoint, .* is whole"):
        sm.train(tiny_model(tables[0]), tables[0], plan=plan, out=tmp_path / "b", quiet=True)


def test_other_faults_of_writing_are_not_a_full_disk(tmp_path: Path) -> None:
    for error in (PermissionError(13, "no"), SafetensorError("I/O error: denied (os error 13)")):
        with pytest.raises(type(error)), failures.explained(tmp_path):
            raise error


def test_what_a_killed_fit_left_half_written_goes_away(tables: Tables, tmp_path: Path) -> None:
    torn = tmp_path / ".checkpoint-000000003-000000.writing-1"
    torn.mkdir()
    (torn / "weights.safetensors").write_bytes(bytes(100))
    sm.train(tiny_model(tables[0]), tables[0], plan=replace(PLAN, epochs=1), out=tmp_path,
             quiet=True)  # fmt: skip
    assert not torn.exists()


def test_a_file_put_into_a_checkpoint_is_not_read(tables: Tables, tmp_path: Path) -> None:
    sm.train(tiny_model(tables[0]), tables[0], plan=PLAN, out=tmp_path, quiet=True)
    last = checkpoints(tmp_path)[-1]
    checkpoint.save_file({"x": torch.zeros(1)}, last / "best.safetensors")
    assert "best" not in load_checkpoint(last)[1]


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you"),
     torch.OutOfMemoryError("CUDA out of memory")],
)  # fmt: skip
def test_no_memory_says_what_to_do(error: Exception, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="fewer rows_per_step"), failures.explained(tmp_path):
        raise error
    with pytest.raises(RuntimeError, match="shapes"), failures.explained(None):
        raise RuntimeError("shapes differ")


def test_a_torn_checkpoint_is_refused(tables: Tables, tmp_path: Path) -> None:
    sm.train(tiny_model(tables[0]), tables[0], plan=PLAN, out=tmp_path, quiet=True)
    file = checkpoints(tmp_path)[-1] / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ArtifactError, match="was changed"):
        sm.train(tiny_model(tables[0]), tables[0], plan=PLAN, out=tmp_path, resume=True, quiet=True)


def test_nothing_to_learn_from_is_said() -> None:
    table = tiny_table(8)
    with pytest.raises(TrainingError, match="no row is left to learn from"):
        sm.train(tiny_model(table), table.take([]), quiet=True)


def test_a_budget_of_minutes_makes_fewer_epochs(tables: Tables) -> None:
    train = tables[0]
    plan = sm.Plan(epochs=1_000_000, minutes=0.05, rows_per_step=16, precision="fp32")
    start = time.monotonic()
    run = sm.train(tiny_model(train), train, plan=plan, quiet=True)
    assert 1 <= len(run.history) < 1_000_000
    assert time.monotonic() - start < 30
    assert set(run.settled["seconds_per_row"]) == {"fp32"}


def test_epochs_made_correct_how_many_fit() -> None:
    plan = sm.Plan(epochs=40, minutes=1.0)
    assert trial.fitting(plan, done=1, spent=3.0, latest=3.0) == 17  # 48 of 51 s left, 3 s each
    assert trial.fitting(plan, done=2, spent=4.0, latest=1.0) == 40, "no more than the plan"
    assert trial.fitting(plan, done=2, spent=90.0, latest=45.0) == 2, "no fewer than were made"


def test_a_trial_that_was_far_off_is_corrected(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_seconds_a_row", lambda *_: 1e6)  # as if no epoch fitted
    plan = sm.Plan(epochs=6, minutes=10.0, precision="fp32")
    run = sm.train(tiny_model(tables[0]), tables[0], plan=plan, quiet=True)
    assert len(run.history) == run.settled["epochs"] == 6


def test_epochs_are_reckoned_anew_ever_more_rarely(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    reckoned = []

    def slow_at_first(plan: sm.Plan, done: int, spent: float, latest: float) -> int:
        reckoned.append(done)
        return 5 if done < 4 else 9  # by the fourth epoch the machine is free again

    monkeypatch.setattr(fit_module, "fitting", slow_at_first)
    plan = sm.Plan(epochs=9, minutes=10.0, precision="fp32")
    run = sm.train(tiny_model(tables[0]), tables[0], plan=plan, quiet=True)
    assert reckoned == [1, 2, 4, 8, 9]
    assert len(run.history) == 9


@pytest.mark.parametrize(("fits", "made"), [(12, 12), (4, 3)])
def test_an_early_end_is_put_off_where_there_is_time(
    tables: Tables, monkeypatch: pytest.MonkeyPatch, fits: int, made: int
) -> None:
    """A machine that was busy in the first two epochs; one epoch more would not be worth it."""
    monkeypatch.setattr(fit_module, "fitting", lambda _, done, *__: 3 if done < 3 else fits)
    plan = sm.Plan(epochs=20, minutes=10.0, precision="fp32")
    run = sm.train(tiny_model(tables[0]), tables[0], plan=plan, quiet=True)
    assert len(run.history) == run.settled["epochs"] == made


def test_the_faster_precision_is_kept(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_bf16_is_fast", lambda _: True)
    times = {"fp32": 1.0, "bf16": 0.5}
    monkeypatch.setattr(trial, "_seconds_a_row", lambda _model, name, *_: times[name])
    plan = sm.Plan(epochs=10, minutes=1.0)
    assert trial.settle(tiny_model(tables[0]), plan, [], 10)["precision"] == "bf16"
    times["bf16"] = 0.99
    settled = trial.settle(tiny_model(tables[0]), plan, [], 10)
    assert settled["precision"] == "fp32"
    assert settled["epochs"] == 5  # 0.85 of 60 s, 10 s an epoch
