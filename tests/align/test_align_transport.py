"""Transport plans against their conditions of optimality, and padding that changes nothing."""

import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from sensorium.align import sinkhorn, transport_score
from sensorium.core.errors import PartError

LENGTHS = ((5, 7), (3, 2), (1, 7), (0, 4), (4, 0), (0, 0))


def masks(left: int = 5, right: int = 7) -> tuple[Tensor, Tensor]:
    a, b = (torch.tensor(n) for n in zip(*LENGTHS, strict=True))
    return torch.arange(left) < a[:, None], torch.arange(right) < b[:, None]


def cost() -> Tensor:
    return torch.rand(6, 5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_sums_are_right_and_padding_gets_exactly_nothing() -> None:
    left, right = masks()
    plan = sinkhorn(cost(), left, right, epsilon=0.1, steps=300)
    some = (left.any(1) & right.any(1))[:, None]
    for axis, mask in ((2, left), (1, right)):
        even = mask.double() / mask.sum(1, keepdim=True).clamp(min=1) * some
        torch.testing.assert_close(plan.sum(axis), even, atol=1e-9, rtol=0)
    padded = ~(left[:, :, None] & right[:, None, :])
    assert torch.equal(plan[padded], torch.zeros_like(plan[padded]))


def test_a_plan_is_optimal() -> None:
    """With the right sums, P = exp((f_i + g_j - cost_ij) / epsilon) is the only optimum."""
    plan = sinkhorn(cost()[:1], *(m[:1] for m in masks()), epsilon=0.2, steps=500)[0]
    sums = cost()[0] + 0.2 * plan.log()
    flat = sums - sums[:1] - sums[:, :1] + sums[0, 0]
    assert float(flat.abs().max()) < 1e-10


def test_a_sharp_plan_is_the_best_matching() -> None:
    square = torch.rand(1, 6, 6, generator=torch.Generator().manual_seed(3))
    every = torch.ones(1, 6, dtype=torch.bool)
    plan = sinkhorn(square, every, every, epsilon=0.01, steps=500)[0] * 6
    _, best = linear_sum_assignment(square[0].numpy())
    assert plan.argmax(1).tolist() == best.tolist()
    assert plan.max(1).values.min() > 0.95


def test_slopes_are_those_of_finite_differences() -> None:
    left, right = (m[:4] for m in masks())
    costs = cost()[:4].requires_grad_()
    weigh = torch.randn(4, 5, 7, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda c: (sinkhorn(c, left, right, 0.3, 10) * weigh).sum(), costs
    )
    tokens = [torch.randn(4, n, 3).double().requires_grad_() for n in (5, 7)]
    assert torch.autograd.gradcheck(
        lambda a, b: transport_score(a, b, left, right, 0.3, 10), tokens, atol=1e-6
    )


def test_padding_changes_nothing_and_has_no_slope() -> None:
    left, right = masks()
    tokens = [torch.randn(6, n, 4).double() for n in (5, 7)]
    first = transport_score(*tokens, left, right)
    wide = [
        torch.cat(
            [t.masked_fill(~m[:, :, None], float("nan")), torch.full((6, 3, 4), torch.nan)], 1
        )
        .double()
        .requires_grad_()
        for t, m in zip(tokens, (left, right), strict=True)
    ]
    more = [torch.cat([m, torch.zeros(6, 3, dtype=torch.bool)], 1) for m in (left, right)]
    again = transport_score(*wide, *more)
    torch.testing.assert_close(again, first, atol=1e-12, rtol=0)
    again.sum().backward()
    for x, mask in zip(wide, more, strict=True):
        assert x.grad is not None
        assert x.grad.isfinite().all()
        assert torch.equal(x.grad[~mask], torch.zeros_like(x.grad[~mask]))


def test_rows_do_not_touch_one_another() -> None:
    left, right = masks()
    whole = sinkhorn(cost(), left, right)
    for row in range(6):
        one = slice(row, row + 1)
        torch.testing.assert_close(sinkhorn(cost()[one], left[one], right[one]), whole[one])


def test_the_same_tokens_in_another_order_go_well_together() -> None:
    tokens = torch.nn.functional.normalize(torch.randn(2, 6, 16), dim=2)
    other = torch.stack([tokens[0, torch.randperm(6)], torch.randn(6, 16)])
    every = torch.ones(2, 6, dtype=torch.bool)
    same, different = transport_score(tokens, other, every, every, epsilon=0.02).tolist()
    assert same == pytest.approx(1.0, abs=0.01)
    assert different < 0.6


def test_an_empty_side_scores_nothing() -> None:
    left, right = masks()
    scores = transport_score(torch.randn(6, 5, 4), torch.randn(6, 7, 4), left, right)
    assert scores[3:].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_small_numbers_stay_finite(dtype: torch.dtype) -> None:
    plan = sinkhorn((cost() * 50).to(dtype), *masks(), epsilon=0.01)
    assert plan.dtype == dtype
    assert plan.isfinite().all()


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(PartError, match=r"epsilon > 0 and steps >= 1; found 0\.0 and 100"):
        sinkhorn(cost(), *masks(), epsilon=0.0)
