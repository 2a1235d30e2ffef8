"""The pairwise sigmoid loss against its formula."""

import math

import pytest
import torch
from torch import Tensor

from sensorium.align import Sigmoid, sigmoid
from sensorium.core.errors import PartError


def drawn(lefts: int, rights: int) -> tuple[Tensor, Tensor]:
    return torch.randn(lefts, 4).double(), torch.randn(rights, 4).double()


def by_formula(left: Tensor, right: Tensor, positives: Tensor, scale: float, bias: float) -> float:
    total = 0.0
    for i, x in enumerate(left):
        for j, y in enumerate(right):
            sign = 1 if positives[i, j] else -1
            likeness = float(x @ y / x.norm() / y.norm())
            total -= math.log(1 / (1 + math.exp(-sign * (scale * likeness + bias))))
    return total / len(left)


def test_it_is_its_formula() -> None:
    left, right = drawn(4, 6)
    positives = torch.rand(4, 6) < 0.4
    found = sigmoid(left, right, math.log(5.0), -2.0, positives)
    assert found.item() == pytest.approx(by_formula(left, right, positives, 5.0, -2.0), abs=1e-12)


def test_pairs_without_a_matrix_are_the_diagonal() -> None:
    left, right = drawn(5, 5)
    diagonal = by_formula(left, right, torch.eye(5), 10.0, -10.0)
    assert Sigmoid().double()(left, right).item() == pytest.approx(diagonal, rel=1e-6)


def test_slopes_are_those_of_finite_differences() -> None:
    left, right = (x.requires_grad_() for x in drawn(3, 4))
    scale, bias = (torch.tensor(v).double().requires_grad_() for v in (1.0, -3.0))
    positives = torch.rand(3, 4) < 0.5
    assert torch.autograd.gradcheck(
        lambda *given: sigmoid(*given, positives), (left, right, scale, bias)
    )


def test_every_pair_is_judged_by_itself() -> None:
    """A far batch mate adds its own terms and changes no other."""
    left, right = drawn(2, 3)
    alone = sigmoid(left[:1], right[:1], 1.0, -1.0)
    both = sigmoid(left[:1], right, 1.0, -1.0, torch.tensor([[True, False, False]]))
    added = sigmoid(left[:1], right[1:], 1.0, -1.0, torch.zeros(1, 2, dtype=torch.bool))
    torch.testing.assert_close(both, alone + added)


@pytest.mark.parametrize("lefts", [0, 3])
def test_no_pairs_cost_nothing_and_keep_a_graph(lefts: int) -> None:
    part = Sigmoid()
    left, right = torch.randn(lefts, 4, requires_grad=True), torch.randn(0, 4, requires_grad=True)
    loss = part(left, right, torch.zeros(lefts, 0, dtype=torch.bool))
    assert loss.item() == 0.0
    loss.backward()
    assert [float(p.grad) for p in part.parameters()] == [0.0, 0.0]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(PartError, match="scale > 0; found 0"):
        Sigmoid(scale=0.0)
    with pytest.raises(PartError, match="2 lefts and 3 rights"):
        sigmoid(*drawn(2, 3), 0.0, 0.0)
