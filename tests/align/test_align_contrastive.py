"""The contrastive softmax against its formula, written out pair by pair."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sensorium.align import Contrastive, Temperature, contrastive, cosines
from sensorium.core.errors import PartError

NEAR = 1e-12


def drawn(lefts: int = 5, rights: int = 7, width: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(lefts, width, generator=generator, dtype=torch.float64),
        torch.randn(rights, width, generator=generator, dtype=torch.float64),
    )


def by_formula(left: Tensor, right: Tensor, scale: float, positives: Tensor, hard: float) -> float:
    """One direction: a sum of plain numbers for every row."""
    losses = []
    for x, belongs in zip(left.tolist(), positives.tolist(), strict=True):
        likeness = [
            sum(a * b for a, b in zip(x, y, strict=True)) / math.hypot(*x) / math.hypot(*y)
            for y in right.tolist()
        ]
        mine = [s * scale for s, b in zip(likeness, belongs, strict=True) if b]
        others = [s * scale for s, b in zip(likeness, belongs, strict=True) if not b]
        if not mine:
            continue
        average = sum(math.exp(hard * s) for s in others) / len(others) if others else 1.0
        below = sum(map(math.exp, mine))
        below += sum(math.exp(hard * s) / average * math.exp(s) for s in others)
        losses.append(-sum(math.log(math.exp(s) / below) for s in mine) / len(mine))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("hard", [0.0, 0.5, 2.0])
def test_it_is_its_formula(hard: float) -> None:
    left, right = drawn()
    positives = torch.rand(5, 7, generator=torch.Generator().manual_seed(1)) < 0.3
    positives[2] = False  # a left without rights
    positives[:, 4] = False
    positives[3] = torch.tensor([1, 1, 1, 1, 0, 1, 1]).bool()
    there = by_formula(left, right, 3.0, positives, hard)
    back = by_formula(right, left, 3.0, positives.T, hard)
    found = contrastive(left, right, math.log(3.0), positives, hard)
    assert found.item() == pytest.approx((there + back) / 2, abs=NEAR)


def test_pairs_are_the_usual_cross_entropy_both_ways() -> None:
    left, right = drawn(6, 6)
    logits = F.normalize(left, dim=1) @ F.normalize(right, dim=1).T * 10
    usual = F.cross_entropy(logits, torch.arange(6)) + F.cross_entropy(logits.T, torch.arange(6))
    torch.testing.assert_close(contrastive(left, right, math.log(10)), usual / 2)


@pytest.mark.parametrize("hard", [0.0, 1.0])
def test_slopes_are_those_of_finite_differences(hard: float) -> None:
    left, right = (x.requires_grad_() for x in drawn(4, 5))
    extra = drawn(2, 3, seed=5)[1].requires_grad_()
    log_scale = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    positives = torch.eye(4, 5, dtype=torch.bool)
    positives[3] = True  # no negatives but the extra ones

    def loss(*given: Tensor) -> Tensor:
        return contrastive(*given[:3], positives, hard, given[3])

    assert torch.autograd.gradcheck(loss, (left, right, log_scale, extra))
    assert torch.autograd.gradcheck(
        lambda a, b: contrastive(a, b, 0.7, positives, hard), (left, right)
    )


def test_several_positives_are_best_when_all_are_equally_near() -> None:
    """Five captions of one picture: the loss is log 5 at best, and none pushes another away."""
    left = torch.eye(2, dtype=torch.float64)
    right = left.repeat_interleave(5, 0)
    positives = torch.eye(2, dtype=torch.bool).repeat_interleave(5, 1)
    best = contrastive(left, right, math.log(1000.0), positives)
    assert best.item() == pytest.approx(math.log(5) / 2, abs=NEAR)  # lefts log 5, rights 0
    right.requires_grad_()
    contrastive(left, right, math.log(1000.0), positives).backward()
    assert right.grad is not None
    assert float(right.grad.abs().max()) <= NEAR


def test_a_second_caption_is_drawn_nearer_and_not_pushed_away() -> None:
    left = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    right = torch.tensor([[1.0, 0.1], [0.5, 1.0]], dtype=torch.float64, requires_grad=True)
    for second, sign in ((True, -1), (False, 1)):
        loss = contrastive(left, right, 1.0, torch.tensor([[True, second]]))
        (slope,) = torch.autograd.grad(loss, right)
        assert float(slope[1] @ left[0]) * sign > 0  # a slope below 0 draws it to the left


def test_hard_negatives_count_more() -> None:
    left = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    right = torch.tensor([[1.0, 0.2], [0.9, 0.5], [-1.0, 0.1]], dtype=torch.float64)
    positives = torch.tensor([[True, False, False]])
    shares = []
    for hard in (0.0, 1.0, 4.0):
        moved = right.clone().requires_grad_()
        contrastive(left, moved, 0.0, positives, hard).backward()
        assert moved.grad is not None
        near, far = moved.grad[1].norm(), moved.grad[2].norm()
        shares.append(float(near / (near + far)))
    assert shares == sorted(shares)
    assert shares[0] < shares[-1]


def test_extra_rights_are_rights_that_belong_to_nobody() -> None:
    left, right = drawn(4, 4)
    extra = drawn(4, 3, seed=3)[1]
    positives = torch.cat([torch.eye(4), torch.zeros(4, 3)], 1).bool()
    whole = contrastive(left, torch.cat([right, extra]), 1.0, positives)
    torch.testing.assert_close(contrastive(left, right, 1.0, extra_right=extra), whole)
    assert whole > contrastive(left, right, 1.0)


@pytest.mark.parametrize("hard", [0.0, 1.0])
@pytest.mark.parametrize(("lefts", "rights"), [(0, 0), (0, 3), (3, 0), (1, 1), (3, 3)])
def test_rows_without_positives_cost_nothing_and_keep_a_graph(
    hard: float, lefts: int, rights: int
) -> None:
    part = Contrastive(hard)
    left, right = (torch.randn(n, 4, requires_grad=True) for n in (lefts, rights))
    loss = part(left, right, torch.zeros(lefts, rights, dtype=torch.bool))
    assert loss.item() == 0.0
    loss.backward()
    for x in (left, right, *part.parameters()):
        assert x.grad is not None
        assert torch.equal(x.grad, torch.zeros_like(x))


def test_steep_scales_and_strong_weights_stay_finite() -> None:
    left, right = (x.float().requires_grad_() for x in drawn(8, 8))
    loss = contrastive(left, right, math.log(100.0), hard=3.0)
    loss.backward()
    assert loss.isfinite()
    assert left.grad is not None
    assert left.grad.isfinite().all()


def test_cosines_are_exact_under_autocast_too() -> None:
    left, right = (x.float() for x in drawn())
    exact = cosines(left, right)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(cosines(left, right), exact)
    assert cosines(left.bfloat16(), right.bfloat16()).dtype == torch.float32


def test_the_temperature_is_capped_and_can_come_down_again() -> None:
    part = Temperature(scale=100.0, most=100.0)
    assert part().exp().item() == pytest.approx(100.0)
    with torch.no_grad():
        part.log_scale += 1
    assert part().exp().item() == pytest.approx(100.0, rel=1e-5)
    (-part()).backward()  # wants a larger scale: no
    assert float(part.log_scale.grad) == 0.0
    part().backward()  # wants a smaller one: yes
    assert float(part.log_scale.grad) == 1.0


def test_the_temperature_starts_as_in_clip_and_learns() -> None:
    part = Temperature()
    assert part().exp().item() == pytest.approx(1 / 0.07)
    (-part()).backward()
    assert float(part.log_scale.grad) == -1.0
    found = Contrastive()(*(x.float() for x in drawn(3, 3)))
    exact = contrastive(*drawn(3, 3), math.log(1 / 0.07))
    assert found.item() == pytest.approx(float(exact), rel=1e-5)


def test_vectors_that_learn_find_their_partners() -> None:
    left, right = (torch.nn.Parameter(x.float()) for x in drawn(6, 6))
    part = Contrastive()
    optimiser = torch.optim.Adam([left, right, *part.parameters()], lr=0.1)
    first = float(part(left, right).detach())
    for _ in range(60):
        optimiser.zero_grad()
        loss = part(left, right)
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.2 < first
    assert cosines(left, right).argmax(1).tolist() == list(range(6))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(PartError, match="5 lefts and 7 rights"):
        contrastive(*drawn(), 0.0)
    with pytest.raises(PartError, match="hard >= 0; found -1"):
        contrastive(*drawn(3, 3), 0.0, hard=-1)
    with pytest.raises(PartError, match="scale=200"):
        Temperature(scale=200)
