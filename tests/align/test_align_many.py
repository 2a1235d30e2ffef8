"""Losses by pair, rows that lack a side, and cells that occur twice."""

from itertools import product

import pytest
import torch
from torch import Tensor

from sensorium.align import Contrastive, Side, Sigmoid, contrastive, duplicates, many
from sensorium.core.errors import PartError

ROWS = 6


def loss(left: Tensor, right: Tensor, positives: Tensor) -> Tensor:
    return contrastive(left, right, 1.5, positives)


def sides(*names: str, seed: int = 0) -> dict[str, Side]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: Side(
            torch.randn(ROWS, 4, generator=generator, requires_grad=True),
            torch.randperm(ROWS, generator=generator) < ROWS - 2,
        )
        for name in names
    }


def test_each_pair_is_the_loss_of_the_rows_that_have_both() -> None:
    given = sides("photo", "caption", "clip")
    found = many(given, loss)
    assert list(found) == ["photo~caption", "photo~clip", "caption~clip"]
    for name, value in found.items():
        a, b = (given[n] for n in name.split("~"))
        both = [i for i in range(ROWS) if a.present[i] and b.present[i]]
        assert torch.equal(value, contrastive(a.vectors[both], b.vectors[both], 1.5))


def test_an_anchor_is_paired_with_all_others_and_no_one_else() -> None:
    found = many(sides("photo", "caption", "clip"), loss, anchor="caption")
    assert list(found) == ["caption~photo", "caption~clip"]


def test_noise_in_an_absent_cell_changes_nothing_and_has_no_slope() -> None:
    given = sides("photo", "caption")
    first = many(given, loss)["photo~caption"]
    absent = ~given["photo"].present
    assert absent.any()
    noisy = given["photo"].vectors.detach().clone()
    noisy[absent] = float("nan")
    noisy.requires_grad_()
    again = many({**given, "photo": Side(noisy, ~absent)}, loss)["photo~caption"]
    assert torch.equal(again, first)
    again.backward()
    assert noisy.grad is not None
    assert torch.equal(noisy.grad[absent], torch.zeros(int(absent.sum()), 4))


@pytest.mark.parametrize("part", [Contrastive(), Contrastive(hard=1.0), Sigmoid()])
def test_a_pair_that_no_row_has_costs_nothing_and_keeps_a_graph(part: torch.nn.Module) -> None:
    given = sides("photo", "caption")
    half = torch.arange(ROWS) < 3
    given = {
        "photo": Side(given["photo"].vectors, half),
        "caption": Side(given["caption"].vectors, ~half, torch.arange(ROWS)),
    }
    found = many(given, part)["photo~caption"]
    assert found.item() == 0.0
    part.zero_grad()
    found.backward()
    for x in (*part.parameters(), *(side.vectors for side in given.values())):
        assert x.grad is not None
        assert torch.equal(x.grad, torch.zeros_like(x))


def test_duplicates_by_hand() -> None:
    #       row: 0  1  2  3
    left = torch.tensor([7, 7, 8, 9])
    right = torch.tensor([1, 2, 2, 3])
    assert duplicates(left, right).int().tolist() == [
        [1, 1, 1, 0],  # left 7 goes with rights 1 and 2, so with row 2's right
        [1, 1, 1, 0],
        [0, 1, 1, 0],  # left 8 goes with right 2 only: one step, no further
        [0, 0, 0, 1],
    ]


def test_duplicates_are_their_definition() -> None:
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randint(0, 6, (20,), generator=generator) for _ in range(2))
    found = duplicates(left, right)
    for i, j in product(range(20), repeat=2):
        tied = any(left[k] == left[i] and right[k] == right[j] for k in range(20))
        assert bool(found[i, j]) == tied
        if i == j or left[i] == left[j] or right[i] == right[j]:
            assert found[i, j]
    assert duplicates(left[:0], right[:0]).shape == (0, 0)


def test_keys_reach_the_loss_of_the_rows_that_are_kept() -> None:
    given = sides("photo", "caption")
    keys = torch.tensor([5, 5, 5, 6, 6, 7])
    photo = Side(given["photo"].vectors, torch.tensor([1, 1, 0, 1, 1, 1]).bool(), keys)
    caption = Side(given["caption"].vectors, torch.ones(ROWS, dtype=torch.bool))
    seen = []

    def watched(left: Tensor, right: Tensor, positives: Tensor) -> Tensor:
        seen.append(positives)
        return loss(left, right, positives)

    many({"photo": photo, "caption": caption}, watched)
    kept = torch.tensor([5, 5, 6, 6, 7])
    assert torch.equal(seen[0], kept[:, None] == kept)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(PartError, match=r"two sides at least; found \['photo'\]"):
        many(sides("photo"), loss)
    with pytest.raises(PartError, match="did you mean 'photo'"):
        many(sides("photo", "caption"), loss, anchor="photos")
    uneven = {**sides("photo"), "caption": Side(torch.randn(2, 4), torch.ones(2).bool())}
    with pytest.raises(PartError, match=r"the same rows; found \{'photo': 6, 'caption': 2\}"):
        many(uneven, loss)
