"""The slopes of a cached step are those of the whole batch."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sensorium.align import Contrastive, cached_step, contrastive
from sensorium.core.errors import PartError

ROWS, NEAR = 24, 1e-6


class Towers(nn.Module):
    """Two encoders with dropout, and one weight that takes no part."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.left = nn.Sequential(
            nn.Linear(6, 16), nn.GELU(), nn.Dropout(dropout), nn.Linear(16, 8)
        )
        self.right = nn.Sequential(nn.Linear(6, 8), nn.Dropout(dropout))
        self.idle = nn.Parameter(torch.ones(()))

    def forward(self, rows: Tensor) -> dict[str, Tensor]:
        return {
            "left": self.left(rows[:, 0]),
            "right": self.right(rows[:, 1]),
            "present": rows[:, 0, 0] > -1,
        }


def joined(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def slopes(*modules: nn.Module) -> list[Tensor | None]:
    found = [p.grad for module in modules for p in module.parameters()]
    for module in modules:
        module.zero_grad()
    return found


def losses(loss: Contrastive) -> Callable[[Any], dict[str, Tensor]]:
    def named(whole: dict[str, Tensor]) -> dict[str, Tensor]:
        kept = whole["present"]
        return {
            "pairs": loss(whole["left"][kept], whole["right"][kept]),
            "size": 0.01 * whole["left"].square().mean(),
        }

    return named


def close(found: list[Tensor | None], expected: list[Tensor | None], near: float) -> None:
    for a, b in zip(found, expected, strict=True):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            assert float((a - b).abs().max()) <= near


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("cut", [1, 5, 24])
def test_slopes_are_those_of_the_big_batch(dtype: torch.dtype, dropout: float, cut: int) -> None:
    towers, loss = Towers(dropout).to(dtype), Contrastive().to(dtype)
    rows = torch.randn(ROWS, 2, 6, dtype=dtype)
    chunks = rows.split(cut)
    torch.manual_seed(7)
    whole = losses(loss)(joined([towers(chunk) for chunk in chunks]))
    after = torch.rand(3)
    sum(whole.values()).backward()
    expected = slopes(towers, loss)
    torch.manual_seed(7)
    found = cached_step(towers, chunks, losses(loss))
    assert torch.equal(torch.rand(3), after)  # the stream of draws goes on as if encoded once
    close(slopes(towers, loss), expected, NEAR if dtype == torch.float32 else 1e-12)
    assert list(found) == ["pairs", "size"]
    for name, value in found.items():
        assert not value.requires_grad
        torch.testing.assert_close(value, whole[name].detach())


def test_without_dropout_chunks_are_the_batch_in_one_piece() -> None:
    towers, loss = Towers(0.0), Contrastive()
    rows = torch.randn(ROWS, 2, 6)
    sum(losses(loss)(towers(rows)).values()).backward()
    expected = slopes(towers, loss)
    cached_step(towers, rows.split(7), losses(loss))
    close(slopes(towers, loss), expected, NEAR)


def test_one_representation_and_one_loss_need_no_names() -> None:
    net = nn.Linear(6, 4)
    rows = torch.randn(ROWS, 6)

    def loss(x: Tensor) -> Tensor:
        return contrastive(x[::2], x[1::2], 1.0)

    loss(net(rows)).backward()
    expected = slopes(net)
    found = cached_step(net, rows.split(8), loss)
    close(slopes(net), expected, NEAR)
    assert list(found) == ["loss"]


def test_slopes_add_up_as_those_of_any_step() -> None:
    net = nn.Linear(6, 4)
    rows = torch.randn(ROWS, 6)
    for _ in range(2):
        cached_step(net, rows.split(8), lambda x: x.square().mean())
    twice = slopes(net)
    (2 * net(rows).square().mean()).backward()
    close(twice, slopes(net), NEAR)


def test_a_way_back_of_ones_own_scales_all_slopes() -> None:
    net = nn.Linear(6, 4)
    rows = torch.randn(ROWS, 6)
    cached_step(net, rows.split(8), lambda x: x.square().mean(), lambda x: (x * 1024).backward())
    scaled = slopes(net)
    cached_step(net, rows.split(8), lambda x: x.square().mean())
    close([s / 1024 for s in scaled if s is not None], slopes(net), NEAR)


def test_a_frozen_side_is_left_alone() -> None:
    towers, loss = Towers(0.0), Contrastive()
    towers.right.requires_grad_(requires_grad=False)
    rows = torch.randn(ROWS, 2, 6)
    cached_step(towers, rows.split(8), losses(loss))
    assert all(p.grad is None for p in towers.right.parameters())
    assert all(p.grad is not None for p in towers.left.parameters())


def test_only_one_chunk_has_a_graph_at_a_time() -> None:
    graphs = []
    net = nn.Linear(6, 4)

    def encode(rows: Tensor) -> Tensor:
        out = net(rows)
        graphs.append(out.requires_grad)
        return out

    cached_step(encode, torch.randn(ROWS, 6).split(8), lambda x: x.square().mean())
    assert graphs == [False] * 3 + [True] * 3


def test_no_chunks_are_refused() -> None:
    with pytest.raises(PartError, match="one chunk at least"):
        cached_step(nn.Linear(2, 2), [], lambda x: x.sum())
