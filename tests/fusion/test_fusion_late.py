"""Late fusion: decisions combined by hand."""

import math

import pytest
import torch

from sensorium.core.batch import Encoded
from sensorium.fusion import Late
from sensorium.testing.gradients import shake

NAMES = ("photo", "words", "price")
ALL = torch.tensor([[True, True, True]])
SOME = torch.tensor([[True, False, True]])


def late(combine: str, parts: int = 3) -> Late:
    fusion = Late(4, combine)
    fusion.setup(NAMES[:parts])
    return fusion.double().eval()


def logits(*rows: list[float]) -> torch.Tensor:
    """Give one row's decisions from probabilities; logits may lack any constant."""
    p = torch.tensor(rows, dtype=torch.float64)
    return (p.log() + torch.arange(len(rows))[:, None]).unsqueeze(0)


def probabilities(decided: torch.Tensor) -> list[float]:
    return decided.softmax(-1)[0].tolist()


THREE = logits([0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.1, 0.6, 0.3])
VALUES = torch.tensor([[[1.0], [10.0], [4.0]]], dtype=torch.float64)


def test_mean_averages_probabilities():
    decide = late("mean").decide
    found = probabilities(decide(THREE, ALL, "scores"))
    assert found == pytest.approx([1.3 / 3, 1.2 / 3, 0.5 / 3])
    assert probabilities(decide(THREE, SOME, "scores")) == pytest.approx([0.4, 0.4, 0.2])
    assert decide(VALUES, ALL, "values").item() == pytest.approx(5.0)
    assert decide(VALUES, SOME, "values").item() == pytest.approx(2.5)


def test_weights_are_a_softmax_over_the_columns_present():
    fusion = late("weight")
    with torch.no_grad():
        fusion.log_weights.copy_(torch.tensor([math.log(2.0), math.log(5.0), 0.0]))
    found = probabilities(fusion.decide(THREE, SOME, "scores"))
    assert found == pytest.approx([(2 * 0.7 + 0.1) / 3, (2 * 0.2 + 0.6) / 3, (2 * 0.1 + 0.3) / 3])
    assert fusion.decide(VALUES, ALL, "values").item() == pytest.approx((2 + 50 + 4) / 8)
    assert fusion.decide(VALUES, SOME, "values").item() == pytest.approx((2 + 4) / 3)


def test_product_multiplies_probabilities():
    each = [0.7 * 0.5 * 0.1, 0.2 * 0.4 * 0.6, 0.1 * 0.1 * 0.3]
    found = probabilities(late("product").decide(THREE, ALL, "scores"))
    assert found == pytest.approx([p / sum(each) for p in each])
    each = [0.7 * 0.1, 0.2 * 0.6, 0.1 * 0.3]
    found = probabilities(late("product").decide(THREE, SOME, "scores"))
    assert found == pytest.approx([p / sum(each) for p in each])
    assert late("product").decide(VALUES, ALL, "values").item() == pytest.approx(5.0)


def test_vote_counts_first_choices():
    fusion = late("vote")
    found = probabilities(fusion.decide(THREE, ALL, "scores"))
    assert found == pytest.approx([2 / 3, 1 / 3, 0], abs=2e-3)
    assert fusion.decide(VALUES, ALL, "values").item() == 4.0
    assert fusion.decide(VALUES, SOME, "values").item() == 2.5


def test_the_average_probability_breaks_a_tie():
    tied = logits([0.9, 0.1, 0.0], [0.4, 0.6, 0.0])
    assert late("vote", 2).decide(tied, ALL[:, :2], "scores").argmax().item() == 0
    assert late("vote", 2).decide(tied.flip(-1), ALL[:, :2], "scores").argmax().item() == 2


def test_votes_are_soft_while_training_so_that_columns_learn():
    fusion = late("vote").train()
    outputs = THREE.clone().requires_grad_()
    decided = fusion.decide(outputs, ALL, "scores")
    assert torch.equal(decided, late("mean").decide(outputs, ALL, "scores"))
    decided.log_softmax(-1)[0, 0].backward()
    assert outputs.grad.any()


def test_stack_is_linear_and_knows_which_columns_are_present():
    fusion = late("stack")
    start = fusion.decide(VALUES, SOME, "values").item()
    assert start == pytest.approx(2.5)  # it starts as the mean
    shake(list(fusion.parameters()))
    c = fusion.stack(SOME.double())[0]
    assert fusion.decide(VALUES, SOME, "values").item() == pytest.approx(
        (c[0] * 1.0 + c[2] * 4.0).item() / 2
    )
    log_p = THREE.log_softmax(-1)[0]
    expected = (c[0] * log_p[0] + c[2] * log_p[2]) / 2
    assert torch.allclose(fusion.decide(THREE, SOME, "scores")[0], expected)


@pytest.mark.parametrize("combine", ["mean", "weight", "product", "vote", "stack"])
@pytest.mark.parametrize("kind", ["scores", "values"])
def test_absent_decisions_change_nothing(combine, kind):
    fusion = late(combine)
    shake(list(fusion.parameters()))
    expected = fusion.decide(THREE, SOME, kind)
    for noise in (0.0, 1e9, -1e9, float("nan")):
        other = THREE.clone()
        other[:, 1] = noise
        assert torch.equal(fusion.decide(other, SOME, kind), expected)
    outputs = THREE.clone().requires_grad_()
    fusion.decide(outputs, SOME, kind).sum().backward()
    assert not outputs.grad[:, 1].any()
    assert outputs.grad.isfinite().all()
    for weight in fusion.parameters():
        assert weight.grad is None or weight.grad.isfinite().all()


@pytest.mark.parametrize("combine", ["mean", "weight", "product", "vote", "stack"])
def test_where_nothing_is_present_all_columns_decide_as_if_all_were(combine):
    fusion = late(combine)
    nothing = torch.zeros_like(ALL)
    for kind, outputs in (("scores", THREE), ("values", VALUES)):
        found = fusion.decide(outputs, nothing, kind)
        assert torch.equal(found, fusion.decide(outputs, ALL, kind))


def test_the_fused_features_carry_the_way_to_decide():
    fusion = late("product")
    there, mask = torch.tensor([True, False]), torch.ones(2, 1, dtype=torch.bool)
    columns = {n: Encoded(torch.randn(2, 1, 4).double(), mask, there) for n in NAMES}
    fused = fusion(columns)
    assert fused.decide == fusion.decide
    assert tuple(fused.parts) == NAMES
