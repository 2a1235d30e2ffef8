"""Attention against its formula, and its masks."""

import math

import pytest
import torch
from torch import Tensor

from sensorium.core.errors import PartError
from sensorium.nn import Attention, Block, Transformer, attend


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def by_formula(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """Softmax(Q K^T / sqrt d) V, written out for one head of one row at a time."""
    out = torch.zeros(*query.shape[:3], value.shape[3], dtype=value.dtype)
    for row, head, asking in torch.cartesian_prod(*map(torch.arange, query.shape[:3])):
        seen = mask[row, asking].nonzero().flatten()
        if len(seen) == 0:
            continue
        scores = key[row, head, seen] @ query[row, head, asking] / math.sqrt(query.shape[3])
        weights = scores.exp() / scores.exp().sum()
        out[row, head, asking] = weights @ value[row, head, seen]
    return out


def test_attention_is_its_formula() -> None:
    query = torch.randn(3, 2, 4, 5, generator=seeded(), dtype=torch.float64)
    key = torch.randn(3, 2, 6, 5, generator=seeded(1), dtype=torch.float64)
    value = torch.randn(3, 2, 6, 5, generator=seeded(2), dtype=torch.float64)
    mask = torch.rand(3, 4, 6, generator=seeded(3)) < 0.6
    mask[1] = False
    mask[2, 0] = False
    torch.testing.assert_close(attend(query, key, value, mask), by_formula(query, key, value, mask))


def test_a_query_that_may_look_at_nothing_gets_zero_and_no_nan_gradient() -> None:
    query = torch.randn(2, 1, 3, 4, generator=seeded(), requires_grad=True)
    mask = torch.tensor([True, False]).view(2, 1, 1).expand(2, 3, 3)
    out = attend(query, query, query, mask)
    assert torch.equal(out[1], torch.zeros_like(out[1]))
    out.square().sum().backward()
    assert query.grad is not None
    assert query.grad.isfinite().all()
    assert torch.equal(query.grad[1], torch.zeros(1, 3, 4))


def test_heads_share_the_width_and_are_joined_again() -> None:
    torch.manual_seed(0)
    layer = Attention(6, heads=3).double()
    x, context = torch.randn(2, 4, 6).double(), torch.randn(2, 5, 6).double()
    key, value = layer.key_value(context).split(6, dim=-1)
    heads = [
        by_formula(*(t[:, None, :, s] for t in (layer.query(x), key, value)), torch.ones(2, 4, 5))
        for s in (slice(0, 2), slice(2, 4), slice(4, 6))
    ]
    expected = layer.out(torch.cat(heads, 3)[:, 0])
    torch.testing.assert_close(layer(x, context), expected)


def test_masked_context_changes_nothing() -> None:
    torch.manual_seed(0)
    layer = Attention(8, heads=2)
    query, context = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    mask = torch.tensor([[True, True, False, False, False], [True, True, True, True, False]])
    before = layer(query, context, mask)
    context[~mask] = 1e6
    assert torch.equal(layer(query, context, mask), before)
    torch.testing.assert_close(layer(query[:1], context[:1, :2]), before[:1])


def test_each_query_may_have_its_own_mask() -> None:
    torch.manual_seed(0)
    layer = Attention(8, heads=2)
    x = torch.randn(1, 4, 8)
    causal = torch.ones(1, 4, 4, dtype=torch.bool).tril()
    whole = layer(x, mask=causal)
    for end in range(1, 5):
        torch.testing.assert_close(layer(x[:, :end], mask=causal[:, :end, :end]), whole[:, :end])


def test_a_width_that_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(PartError, match="width=10, heads=4"):
        Attention(10, heads=4)


def test_a_block_adds_to_what_came_in() -> None:
    torch.manual_seed(0)
    block = Block(8, heads=2).double()
    x = torch.randn(2, 3, 8).double()
    after = x + block.attention(block.norm_attention(x))
    expected = after + block.mlp(block.norm_mlp(after))
    torch.testing.assert_close(block(x), expected)


def test_a_transformer_without_blocks_gives_its_tokens_back() -> None:
    x = torch.randn(2, 3, 8, generator=seeded())
    assert torch.equal(Transformer(8, depth=0)(x), x)


def test_padding_changes_no_token() -> None:
    torch.manual_seed(0)
    trunk = Transformer(8, depth=2, heads=2).double().eval()
    x = torch.randn(1, 5, 8).double()
    padded = torch.cat([x, 100 * torch.randn(1, 3, 8).double()], 1)
    mask = torch.arange(8).unsqueeze(0) < 5
    torch.testing.assert_close(trunk(padded, mask)[:, :5], trunk(x))


def test_rows_wholly_masked_stay_finite_through_a_transformer() -> None:
    torch.manual_seed(0)
    trunk = Transformer(8, depth=2, heads=2)
    x = torch.randn(2, 4, 8, requires_grad=True)
    mask = torch.tensor([True, False]).unsqueeze(1).expand(2, 4)
    out = trunk(x, mask)
    out.sum().backward()
    assert x.grad is not None
    assert out.isfinite().all()
    assert x.grad.isfinite().all()
