"""Regress and Several by hand: units, robust loss, losses side by side."""

import numpy as np
import pytest
import torch

from sensorium.core.batch import Batch, Column, Fused
from sensorium.core.schema import Category, Number
from sensorium.preprocess import step_for
from sensorium.tasks import Classify, Regress, Several
from sensorium.tasks.value_head import ValueHead, value_losses

PRICES = [100.0, 200.0, 300.0, 400.0]


def fitted(field, cells):
    step = step_for(field)
    clean = [step.read(cell) for cell in cells]
    return step.fit(clean), step(clean)


def test_squared_error_and_huber_by_hand():
    outputs, truth = torch.tensor([0.5, 3.0]), torch.tensor([0.0, 0.0])
    assert value_losses(outputs, truth).tolist() == [0.25, 9.0]
    assert value_losses(outputs, truth, 1.0).tolist() == pytest.approx([0.25, 2 * (3 - 0.5)])


@pytest.mark.parametrize("scaling", ["standard", "log", "none", "quantile"])
def test_answers_and_scores_are_in_the_targets_own_units(scaling):
    step, column = fitted(Number(scaling=scaling), PRICES)
    head = ValueHead(4, 1, step)
    decided = head.decide(column.values)  # a perfect answer, scaled
    assert decided == pytest.approx(PRICES, rel=1e-5)
    assert head.answers(decided) == pytest.approx(PRICES, rel=1e-5)
    assert head.truth(column) == pytest.approx(PRICES, rel=1e-5)
    scores = head.metrics(np.array(PRICES), np.array(PRICES) + 10)
    assert scores["mae"] == pytest.approx(10)
    assert scores["rmse"] == pytest.approx(10)
    assert head.errors(np.array(PRICES), np.array(PRICES) - 5).tolist() == [5.0] * 4


def test_rows_without_the_number_are_unknown_and_do_not_count():
    step, column = fitted(Number(), PRICES)
    head = ValueHead(4, 1, step)
    present = torch.tensor([True, True, False, False])
    some = Column(column.values, column.mask, present)
    assert np.isnan(head.truth(some)).tolist() == [False, False, True, True]
    outputs = torch.zeros(4, 1)
    expected = (column.values[:2, 0] ** 2).mean()
    assert head.loss(outputs, some).item() == pytest.approx(expected.item())
    weight = torch.tensor([False, True, True, True])
    expected = column.values[1, 0] ** 2
    assert head.loss(outputs, some, weight).item() == pytest.approx(expected.item())


def fused(rows):
    vectors = torch.randn(2, rows, 4)
    there = torch.ones(rows, dtype=torch.bool)
    return Fused(
        vectors[0], vectors[:1].transpose(0, 1), there[:, None], {"in": vectors[1]}, {"in": there}
    )


def ready(task, columns):
    steps, targets = {}, {}
    for name, (field, cells) in columns.items():
        steps[name], targets[name] = fitted(field, cells)
    task.setup(4, ("in",), steps)
    return Batch(targets, tuple(range(4)))


COLUMNS = {
    "price": (Number(), PRICES),
    "size": (Number(), [1.0, 2.0, 4.0, 9.0]),
    "mood": (Category(), ["a", "b", "a", "b"]),
}


def test_one_number_is_answered_plainly_and_many_by_name():
    given = fused(4)
    one = Regress("price")
    batch = ready(one, {"price": COLUMNS["price"]})
    assert all(isinstance(answer, float) for answer in one.predict(one(given, batch)))
    two = Regress("price", "size")
    batch = ready(two, {name: COLUMNS[name] for name in two.targets})
    answers = two.predict(two(given, batch))
    assert [list(answer) for answer in answers] == [["price", "size"]] * 4
    assert list(two.loss(two(given, batch), batch)) == ["price", "price/in", "size", "size/in"]


def test_several_tasks_share_a_fusion_and_weigh_their_losses():
    given = fused(4)
    parts = Classify("mood"), Regress("price", "size", auxiliary=0.0)
    task = Several(*parts, weights=(1.0, 0.5))
    batch = ready(task, COLUMNS)
    features = task(given, batch)
    losses = task.loss(features, batch)
    own = [part.loss(part(given, batch), batch) for part in parts]
    assert list(losses) == ["mood", "mood/in", "price", "size"]
    assert losses["mood"] == own[0]["mood"]
    assert losses["price"] == 0.5 * own[1]["price"]
    assert set(task.heads) == {"mood", "price", "size"}
    assert set(features.alone["in"]) == {"mood", "price", "size"}
    answers = task.predict(features)
    assert [list(answer) for answer in answers] == [["mood", "price", "size"]] * 4
    names = parts[0].predict(parts[0](given, batch))
    assert [answer["mood"] for answer in answers] == names


def test_several_tasks_save_each_weight_once():
    task = Several(Classify("mood"), Regress("price"))
    ready(task, {name: COLUMNS[name] for name in ("mood", "price")})
    tensors = task.state_dict()
    assert len({t.data_ptr() for t in tensors.values()}) == len(tensors)
    assert sum(p.numel() for p in task.parameters()) == 2 * (4 * 2 + 2) + 2 * (4 * 1 + 1)


def test_a_row_counts_only_for_the_targets_that_it_has():
    task = Several(Classify("mood"), Regress("price"))
    batch = ready(task, {name: COLUMNS[name] for name in ("mood", "price")})
    given = fused(4)
    whole = task.loss(task(given, batch), batch)
    bare = batch.without("mood")
    losses = task.loss(task(given, bare), bare)
    assert losses["mood"] == 0
    assert losses["price"] == whole["price"]


def test_the_truth_is_not_rounded_to_outputs_of_half_precision():
    step, column = fitted(Number(), PRICES)
    outputs = column.values.bfloat16()
    error = (outputs.float() - column.values)[:, 0]
    assert error.any()
    with torch.autocast("cpu", torch.bfloat16):
        loss = ValueHead(4, 1, step).loss(outputs, column)
    assert loss.item() == pytest.approx((error**2).mean().item(), rel=1e-5)
    outputs.requires_grad_()
    ValueHead(4, 1, step, huber=1.0).loss(outputs, column).backward()
    assert outputs.grad is not None
    assert outputs.grad.any()
