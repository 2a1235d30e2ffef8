"""Monotonic alignment search against all alignments there are."""

from itertools import combinations

import pytest
import torch
from torch import Tensor

from sensorium.align import monotonic
from sensorium.core.errors import PartError

LEFTS, RIGHTS = torch.tensor([4, 2, 1, 4, 0]), torch.tensor([7, 5, 6, 4, 0])


def drawn(seed: int = 0) -> Tensor:
    return torch.randn(5, 4, 7, generator=torch.Generator().manual_seed(seed))


def best(score: Tensor) -> tuple[float, list[int]]:
    """Cut the rights into one run for each left, in every way."""
    lefts, rights = score.shape
    ways = []
    for cuts in combinations(range(1, rights), lefts - 1):
        ends = [0, *cuts, rights]
        at = [i for i in range(lefts) for _ in range(ends[i + 1] - ends[i])]
        ways.append((float(sum(score[i, j] for j, i in enumerate(at))), at))
    return max(ways)


@pytest.mark.parametrize("seed", range(5))
def test_no_alignment_is_likelier(seed: int) -> None:
    score = drawn(seed)
    found = monotonic(score, LEFTS, RIGHTS)
    for row, (n, m) in enumerate(zip(LEFTS[:4], RIGHTS[:4], strict=True)):
        total, at = best(score[row, :n, :m])
        assert found[row, :n, :m].int().argmax(0).tolist() == at
        assert float(score[row][found[row]].sum()) == pytest.approx(total, abs=1e-5)


def test_every_right_step_has_one_left_and_no_left_is_left_out() -> None:
    found = monotonic(drawn(), LEFTS, RIGHTS)
    for row, (n, m) in enumerate(zip(LEFTS, RIGHTS, strict=True)):
        assert found[row].sum(0).tolist() == [1] * m + [0] * (7 - m)
        assert found[row].sum(1)[:n].ge(1).all()
        assert not found[row, n:].any()
        assert found[row, :, :m].int().argmax(0).diff().ge(0).all()


def test_what_padding_holds_does_not_matter() -> None:
    score = drawn()
    noisy = torch.full((5, 6, 9), float("nan"))
    for row, (n, m) in enumerate(zip(LEFTS, RIGHTS, strict=True)):
        noisy[row, :n, :m] = score[row, :n, :m]
    found = monotonic(noisy, LEFTS, RIGHTS)
    assert torch.equal(found[:, :4, :7], monotonic(score, LEFTS, RIGHTS))
    assert found.sum() == RIGHTS.sum()


def test_lengths_are_all_steps_where_none_are_given() -> None:
    every = monotonic(drawn(), torch.full((5,), 4), torch.full((5,), 7))
    assert torch.equal(monotonic(drawn()), every)


def test_among_equals_the_left_step_that_was_there_stays() -> None:
    found = monotonic(torch.zeros(1, 3, 5))[0]
    assert found.int().argmax(0).tolist() == [0, 1, 2, 2, 2]


def test_impossible_scores_still_leave_a_whole_alignment() -> None:
    found = monotonic(torch.full((1, 3, 5), -torch.inf))[0]
    assert found.sum(0).tolist() == [1] * 5
    assert found.sum(1).ge(1).all()


def test_runs_of_sound_are_found_again() -> None:
    lengths = torch.tensor([3, 1, 5, 2])
    letters = torch.eye(4)
    frames = letters.repeat_interleave(lengths, 0) + 0.1 * torch.randn(11, 4)
    found = monotonic(-torch.cdist(letters, frames).square()[None])[0]
    assert torch.equal(found.sum(1), lengths)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(PartError, match="row 1 has 4 left and 3 right steps"):
        monotonic(drawn()[:2], torch.tensor([4, 4]), torch.tensor([7, 3]))
    with pytest.raises(PartError, match="row 0 has 0 left and 3 right steps"):
        monotonic(drawn()[:1], torch.tensor([0]), torch.tensor([3]))
