"""Distillation against its formula."""

import math

import pytest
import torch
from torch import Tensor

from sensorium.align import cosine_distil, cosines, similarity_distil


def drawn(*shapes: tuple[int, int]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]


def test_it_is_the_divergence_of_teacher_from_student_both_ways() -> None:
    left, right, teacher_left, teacher_right = drawn((3, 4), (5, 4), (3, 7), (5, 7))
    student, teacher = cosines(left, right) * 4, cosines(teacher_left, teacher_right) * 2
    ways = []
    for s, t in ((student, teacher), (student.T, teacher.T)):
        p, q = t.exp() / t.exp().sum(1, keepdim=True), s.exp() / s.exp().sum(1, keepdim=True)
        ways.append(float((p * (p / q).log()).sum(1).mean()))
    found = similarity_distil(
        left, right, teacher_left, teacher_right, math.log(4.0), math.log(2.0)
    )
    assert found.item() == pytest.approx(sum(ways) / 2, abs=1e-12)


def test_a_student_that_agrees_has_nothing_to_learn() -> None:
    left, right = drawn((3, 4), (5, 4))
    left.requires_grad_()
    loss = similarity_distil(left, right, left * 2, right * 3, 1.0, 1.0)
    loss.backward()
    assert loss.item() == pytest.approx(0.0, abs=1e-15)
    assert left.grad is not None
    assert float(left.grad.abs().max()) < 1e-15


def test_slopes_are_those_of_finite_differences_and_the_teacher_gets_none() -> None:
    given = [x.requires_grad_() for x in drawn((3, 4), (4, 4), (3, 2), (4, 2))]
    scale = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda a, b, s: similarity_distil(a, b, given[2], given[3], s, 1.0), (*given[:2], scale)
    )
    similarity_distil(*given, scale, 1.0).backward()
    assert given[2].grad is None
    assert given[3].grad is None


def test_cosine_regression_by_hand() -> None:
    student = torch.tensor([[2.0, 0.0], [0.0, 1.0], [-3.0, 0.0]], requires_grad=True)
    teacher = torch.tensor([[5.0, 0.0], [1.0, 0.0], [1.0, 0.0]], requires_grad=True)
    loss = cosine_distil(student, teacher)
    assert loss.item() == pytest.approx((0 + 1 + 2) / 3)
    loss.backward()
    assert teacher.grad is None
    assert torch.autograd.gradcheck(
        lambda x: cosine_distil(x, teacher.double()), student.detach().double().requires_grad_()
    )


def test_no_rows_cost_nothing_and_keep_a_graph() -> None:
    nothing = torch.zeros(0, 4, requires_grad=True)
    for loss in (
        cosine_distil(nothing, torch.zeros(0, 4)),
        similarity_distil(nothing, nothing, torch.zeros(0, 3), torch.zeros(0, 3), 1.0, 1.0),
    ):
        assert loss.item() == 0.0
        loss.backward()
