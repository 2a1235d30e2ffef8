import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.core.batch import Batch, Column
from sensorium.preprocess import cutmixed, mixed


def column(values: torch.Tensor, present: list[bool] | None = None) -> Column:
    there = torch.tensor(present) if present else torch.ones(len(values), dtype=torch.bool)
    return Column(values, there.unsqueeze(1), there)


PARTNER = torch.tensor([1, 2, 0])


def test_mixup_averages_values_and_leaves_ids() -> None:
    clip_mask = torch.tensor([[True, True, False], [True, True, True], [True, False, False]])
    clip = Column(torch.tensor([[1.0, 1, 0], [2, 2, 2], [4, 0, 0]]), clip_mask, clip_mask[:, 0])
    batch = Batch(
        {
            "photo": column(torch.tensor([0, 100, 201], dtype=torch.uint8).reshape(3, 1, 1, 1)),
            "price": column(torch.tensor([[0.0], [1.0], [2.0]])),
            "shop": column(torch.tensor([[5], [6], [7]])),
            "clip": clip,
            "mood": column(torch.tensor([[0], [1], [2]])),
        },
        (0, 1, 2),
    )
    found = mixed(batch, ["photo", "price", "shop", "clip"], PARTNER, 0.75).columns
    assert found["photo"].values.flatten().tolist() == [25, 125, 151]
    assert found["photo"].values.dtype == torch.uint8
    assert found["price"].values.flatten().tolist() == [0.25, 1.25, 1.5]
    assert found["shop"].values.flatten().tolist() == [5, 6, 7]
    assert found["mood"] is batch.columns["mood"]
    assert found["clip"].values.tolist() == [[1.25, 1.25, 0.5], [2.5, 1.5, 1.5], [3.25, 0.25, 0]]
    assert found["clip"].mask.sum(1).tolist() == [3, 3, 2]


def test_an_absent_cell_mixes_with_nothing() -> None:
    batch = Batch(
        {"price": column(torch.tensor([[1.0], [2], [3]]), [True, True, False])}, (0, 1, 2)
    )
    found = mixed(batch, ["price"], PARTNER, 0.5).columns["price"]
    assert found.values.flatten().tolist() == [1.5, 2.0, 3.0]
    assert found.present.tolist() == [True, True, False]


def test_a_share_of_one_changes_nothing() -> None:
    values = torch.randint(0, 256, (3, 3, 4, 4), dtype=torch.uint8)
    batch = Batch({"photo": column(values)}, (0, 1, 2))
    assert torch.equal(mixed(batch, ["photo"], PARTNER, 1.0).columns["photo"].values, values)
    found, share = cutmixed(batch, ["photo"], PARTNER, 1.0, torch.Generator())
    assert torch.equal(found.columns["photo"].values, values)
    assert share == 1.0


@given(share=st.floats(0, 1), seed=st.integers(0, 1_000))
@settings(max_examples=60, deadline=None)
def test_cutmix_pastes_one_rectangle_and_tells_its_share(share: float, seed: int) -> None:
    values = torch.arange(3, dtype=torch.uint8).reshape(3, 1, 1, 1).expand(3, 2, 12, 20)
    batch = Batch({"photo": column(values), "price": column(torch.ones(3, 1))}, (0, 1, 2))
    draws = torch.Generator().manual_seed(seed)
    found, kept = cutmixed(batch, ["photo", "price"], PARTNER, share, draws)
    pasted = found.columns["photo"].values
    own = pasted == values
    assert float(own.float().mean()) == pytest.approx(kept)
    assert kept >= share - 0.16  # the rectangle may reach over the edge, and is rounded to px
    hole = ~own[0, 0]
    if hole.any():
        ys, xs = hole.nonzero().T
        assert int(hole.sum()) == int((ys.max() - ys.min() + 1) * (xs.max() - xs.min() + 1))
        assert (pasted[0][:, hole] == 1).all()
        assert torch.equal(own, own[:1, :1].expand_as(own))
    assert found.columns["price"] is batch.columns["price"]


def test_cutmix_without_pictures_keeps_everything() -> None:
    batch = Batch({"price": column(torch.ones(3, 1))}, (0, 1, 2))
    found, share = cutmixed(batch, ["price"], PARTNER, 0.3, torch.Generator())
    assert share == 1.0
    assert found.columns["price"] is batch.columns["price"]
