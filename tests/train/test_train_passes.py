"""A batch in several passes learns what the whole batch would."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import pytest
import torch

import sensorium as sm
from sensorium import encoders, fusion
from sensorium.core.errors import PlanError
from sensorium.train.passes import passes


def model_and_table() -> tuple[sm.Model, sm.Table]:
    random = np.random.default_rng(0)
    seen = random.normal(size=(40, 4))
    rows = [{"left": x.tolist(), "right": (x[::-1] + 1).tolist()} for x in seen]
    schema = sm.Schema({"left": sm.Vector(), "right": sm.Vector()})
    table = sm.read(rows).with_schema(schema)
    parts = {name: encoders.Vectors(width=8, dropout=0.0) for name in schema.inputs}
    task = sm.Align("left", "right")
    prep = sm.Preprocess.fit(table)
    return sm.Model(prep, encoders=parts, fusion=fusion.Mean(width=8), task=task), table


def trained(rows_per_pass: int) -> Any:
    model, table = model_and_table()
    plan = sm.Plan(epochs=2, rows_per_step=20, rows_per_pass=rows_per_pass, precision="fp32")
    run = sm.train(model, table, table, plan=plan, quiet=True)
    return run.history, {name: w.clone() for name, w in run.model.state_dict().items()}


@pytest.mark.parametrize("rows_per_pass", [7, 10])
def test_passes_give_the_weights_of_the_whole_batch(rows_per_pass: int) -> None:
    history, weights = trained(0)
    again, other = trained(rows_per_pass)
    assert again[0]["loss"] == pytest.approx(history[0]["loss"], abs=1e-6)
    for name, weight in weights.items():
        torch.testing.assert_close(other[name], weight, atol=1e-5, rtol=1e-4)


def test_other_tasks_are_told_to_accumulate() -> None:
    rows = [{"x": [float(n), 1.0], "y": "ab"[n % 2]} for n in range(24)]
    plan = sm.Plan(epochs=1, rows_per_step=8, rows_per_pass=4)
    with pytest.raises(PlanError, match="accumulate"):
        sm.fit(rows, "y", kinds={"x": sm.Vector()}, plan=plan, out=None, quiet=True)


@pytest.mark.parametrize(("precision", "minutes"), [("fp32", 1.0), ("auto", None)])
def test_no_step_and_no_trial_encodes_more_rows_at_once(precision: Any, minutes: Any) -> None:
    model, table = model_and_table()
    seen: list[int] = []
    model.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    plan = sm.Plan(
        epochs=1, rows_per_step=20, rows_per_pass=7, precision=precision, minutes=minutes
    )
    sm.train(model, table, plan=plan, quiet=True)
    assert max(seen) == 7


def test_only_the_last_pass_is_summed_over_processes() -> None:
    model, table = model_and_table()
    batch = model.shelf(table).batch(range(20))
    told: list[str] = []

    @contextmanager
    def no_sync() -> Iterator[None]:
        told.append("alone")
        yield

    model.register_forward_pre_hook(lambda *_: told.append("pass"))
    plan = sm.Plan(rows_per_pass=7)
    passes(model, model, batch, plan, nullcontext(), torch.autograd.backward, no_sync)
    assert told == 2 * ["alone", "pass", "alone", "pass", "pass"]


def test_rows_are_not_silently_left_unmixed() -> None:
    with pytest.raises(PlanError, match="without mixup"):
        sm.Plan(rows_per_pass=4, mixup=0.2)
