"""Soft time warping against its recursion in plain numbers, and finite differences."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from sensorium.align import dtw, soft_dtw
from sensorium.core.errors import PartError

LEFTS, RIGHTS = torch.tensor([5, 3, 1, 5, 0]), torch.tensor([7, 7, 1, 2, 4])


def drawn() -> Tensor:
    return torch.rand(5, 5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def by_recursion(cost: Tensor, gamma: float) -> float:
    rows, columns = cost.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0.0
    for i in range(rows):
        for j in range(columns):
            before = (total[i, j], total[i, j + 1], total[i + 1, j])
            soft = -gamma * math.log(sum(math.exp(-b / gamma) for b in before))
            total[i + 1, j + 1] = float(cost[i, j]) + soft
    return float(total[-1, -1])


@pytest.mark.parametrize("gamma", [0.1, 1.0, 10.0])
def test_it_is_its_recursion(gamma: float) -> None:
    found = soft_dtw(drawn(), LEFTS, RIGHTS, gamma)
    for row, (n, m) in enumerate(zip(LEFTS[:4], RIGHTS[:4], strict=True)):
        assert float(found[row]) == pytest.approx(by_recursion(drawn()[row, :n, :m], gamma))
    assert float(found[4]) == 0.0


def test_lengths_are_all_steps_where_none_are_given() -> None:
    every = soft_dtw(drawn(), torch.full((5,), 5), torch.full((5,), 7))
    assert torch.equal(soft_dtw(drawn()), every)


def test_without_softness_it_is_the_hard_one() -> None:
    found = soft_dtw(drawn(), gamma=1e-4)
    hard = [dtw(cost.numpy()).cost for cost in drawn()]
    assert found.tolist() == pytest.approx(hard, abs=1e-3)


def test_slopes_are_those_of_finite_differences_and_the_hard_path() -> None:
    cost = drawn().requires_grad_()
    assert torch.autograd.gradcheck(lambda c: soft_dtw(c, LEFTS, RIGHTS, 0.5), cost)
    (slope,) = torch.autograd.grad(soft_dtw(cost, gamma=1e-4).sum(), cost)
    for found, row in zip(slope, drawn(), strict=True):
        path = dtw(row.numpy())
        on_path = torch.zeros(5, 7, dtype=torch.float64)
        on_path[path.left, path.right] = 1.0
        torch.testing.assert_close(found, on_path, atol=1e-2, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_padding_changes_nothing_and_has_no_slope(dtype: torch.dtype) -> None:
    cost = drawn().to(dtype)
    wide = torch.full((5, 9, 12), float("nan"), dtype=dtype)
    for row, (n, m) in enumerate(zip(LEFTS, RIGHTS, strict=True)):
        wide[row, :n, :m] = cost[row, :n, :m]
    real = ~wide.isnan()
    wide.requires_grad_()
    found = soft_dtw(wide, LEFTS, RIGHTS)
    assert torch.equal(found, soft_dtw(cost, LEFTS, RIGHTS))
    found.sum().backward()
    assert wide.grad is not None
    assert wide.grad.isfinite().all()
    assert torch.equal(wide.grad[~real], torch.zeros_like(wide.grad[~real]))
    assert (wide.grad[real] > 0).all()


def test_a_stretched_sequence_is_learned_by_its_slopes() -> None:
    target = torch.sin(torch.linspace(0, 6, 24))
    guess = torch.zeros(12, requires_grad=True)
    optimiser = torch.optim.Adam([guess], lr=0.1)
    for _ in range(80):
        optimiser.zero_grad()
        loss = soft_dtw((guess[:, None] - target).square()[None], gamma=0.1).sum()
        loss.backward()
        optimiser.step()
    assert dtw((guess.detach()[:, None] - target).square().numpy()).cost < 0.5


def test_no_rows_and_no_steps() -> None:
    assert soft_dtw(torch.zeros(0, 3, 3)).shape == (0,)
    assert soft_dtw(torch.zeros(2, 0, 3)).tolist() == [0.0, 0.0]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(PartError, match="gamma > 0"):
        soft_dtw(drawn(), gamma=0.0)
