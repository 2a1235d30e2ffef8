"""Modality dropout hides the share that was asked for, never a whole row."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from sensorium.core.batch import Batch, Column
from sensorium.train.hiding import hidden


def batch(present: torch.Tensor) -> Batch:
    rows = len(present)
    columns = {
        name: Column(torch.zeros(rows, 1), torch.ones(rows, 1, dtype=torch.bool), present[:, i])
        for i, name in enumerate("abc"[: present.shape[1]])
    }
    return Batch(columns, tuple(range(rows)))


@given(st.integers(0, 2**31), st.floats(0, 0.95))
def test_a_row_keeps_one_of_the_cells_that_it_has(seed: int, share: float) -> None:
    draws = torch.Generator().manual_seed(seed)
    present = torch.rand(20, 3, generator=draws) < 0.7
    columns = hidden(batch(present), ("a", "b", "c"), share, draws).columns
    kept = torch.stack([columns[name].present for name in "abc"], 1)
    assert not (kept & ~present).any()
    assert (kept.any(1) == present.any(1)).all()


def test_about_the_share_is_hidden() -> None:
    present = torch.ones(20_000, 3, dtype=torch.bool)
    draws = torch.Generator().manual_seed(0)
    columns = hidden(batch(present), ("a", "b", "c"), 0.2, draws).columns
    kept = torch.stack([columns[name].present for name in "abc"], 1)
    assert abs((~kept).float().mean().item() - (0.2 - 0.2**3 / 3)) < 0.01


def test_one_column_is_never_hidden() -> None:
    one = batch(torch.ones(5, 1, dtype=torch.bool))
    assert hidden(one, ("a",), 0.9, torch.Generator()) is one


def test_cells_are_hidden_where_the_batch_is() -> None:
    elsewhere = batch(torch.ones(4, 2, dtype=torch.bool, device="meta"))
    columns = hidden(elsewhere, ("a", "b"), 0.5, torch.Generator()).columns
    assert columns["a"].present.device.type == "meta"
