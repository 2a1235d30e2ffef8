"""Plans: every fault at once; the schedule and optimisers by hand."""

import inspect
import math

import numpy as np
import pytest
import torch
from torch import nn

from sensorium.core.errors import PlanError
from sensorium.train.ema import Average
from sensorium.train.optimisers import make_optimiser, rate_at
from sensorium.train.plan import Plan


def test_every_fault_of_a_plan_is_named_at_once() -> None:
    """The tests' own type checks would find "lion" first; users do not have them."""
    bare = inspect.unwrap(Plan.__init__)
    faults = {
        "epochs": 0,
        "patience": 2.5,
        "optimiser": "lion",
        "rate": -1,
        "warmup": 2,
        "precision": "fp8",
    }
    with pytest.raises(PlanError) as caught:
        bare(object.__new__(Plan), **faults)
    message = str(caught.value)
    for words in ("epochs lies between", "optimiser is one of 'adamw'", "'lion'", "rate lies",
                  "warmup lies", "patience is a whole number, found 2.5",
                  "precision is one of 'auto'"):  # fmt: skip
        assert words in message


def test_numbers_of_numpy_are_plain_numbers_in_a_plan() -> None:
    plan, bare = object.__new__(Plan), inspect.unwrap(Plan.__init__)
    bare(plan, epochs=np.int64(2), rate=np.float32(0.5))
    assert plan == Plan(epochs=2, rate=0.5)
    assert (type(plan.epochs), type(plan.rate)) == (int, float)


def test_the_rate_warms_up_and_falls_as_half_a_cosine() -> None:
    plan = Plan(rate=2.0, warmup=0.2)
    assert [rate_at(step, 10, plan) for step in (0, 1)] == [1.0, 2.0]
    assert rate_at(6, 10, plan) == pytest.approx(2.0 * 0.5 * (1 + math.cos(math.pi * 4 / 8)))
    assert rate_at(2, 10, plan) == 2.0
    assert rate_at(10, 10, plan) == pytest.approx(0.0)
    assert rate_at(7, 10, Plan(rate=2.0, warmup=0.0, schedule="constant")) == 2.0


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "adam", "adamw"])
def test_optimisers_follow_their_formulas(name: str) -> None:
    rate, beta, decay = 0.1, 0.9, 0.05
    model = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(2.0)
    plan = Plan(optimiser=name, rate=rate, momentum=beta, weight_decay=decay)  # type: ignore[arg-type]
    optimiser = make_optimiser(model, plan)
    w, velocity, first, second = 2.0, 0.0, 0.0, 0.0
    for step in range(1, 4):
        (model.weight**2).sum().backward()
        optimiser.step()
        optimiser.zero_grad()
        gradient = 2 * w
        if name == "adamw":
            w -= rate * decay * w
        else:
            gradient += decay * w
        if name in ("adam", "adamw"):
            first = 0.9 * first + 0.1 * gradient
            second = 0.999 * second + 0.001 * gradient**2
            w -= rate * (first / (1 - 0.9**step)) / (math.sqrt(second / (1 - 0.999**step)) + 1e-8)
        else:
            velocity = gradient if step == 1 else beta * velocity + gradient
            moves = {"sgd": gradient, "momentum": velocity, "nesterov": gradient + beta * velocity}
            w -= rate * moves[name]
        assert model.weight.item() == pytest.approx(w, rel=1e-5)


def test_vectors_and_learned_tokens_are_not_decayed() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    groups = make_optimiser(model, Plan(weight_decay=0.5)).param_groups
    shapes = {group["weight_decay"]: [tuple(w.shape) for w in group["params"]] for group in groups}
    assert shapes == {0.5: [(2, 3)], 0.0: [(2,), (2,), (2,)]}


def test_the_average_of_weights_by_hand() -> None:
    model = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(0.0)
    average, expected = Average(model, 0.5), 0.0
    for step, value in enumerate([1.0, 2.0, 4.0], 1):
        with torch.no_grad():
            model.weight.fill_(value)
        average.update()
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
        assert average.state["weight"].item() == pytest.approx(expected)
    with average.applied():
        assert model.weight.item() == pytest.approx(expected)
    assert model.weight.item() == 4.0


def test_augmentations_are_known_when_the_plan_is_made() -> None:
    with pytest.raises(PlanError) as fault:
        Plan(rate=-1, augment=("flip", "flpi", "mixup"))
    assert "augment knows no 'flpi' (did you mean 'flip'?)" in str(fault.value)
    assert "'mixup' in augment is an option of its own: mixup=0.2" in str(fault.value)
    assert "rate lies between" in str(fault.value)
