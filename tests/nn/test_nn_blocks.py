"""Convolutions, norms, recurrences, patches, masks and positions against hand computations."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sensorium.nn import (
    BatchNorm,
    Learned,
    Patches,
    Recurrent,
    Residual1d,
    Residual2d,
    Sinusoidal,
    masked_max,
    masked_mean,
    patch_mask,
    reverse,
    shorten,
    sinusoids,
)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def first_steps(lengths: list[int], longest: int) -> Tensor:
    return torch.arange(longest) < torch.tensor(lengths).unsqueeze(1)


def convolve(x: Tensor, weight: Tensor, stride: int = 1) -> Tensor:
    """Compute y[i,j,k] = sum over c,u,v of x[c, j+u-1, k+v-1] w[i,c,u,v], place by place."""
    channels, high, wide = x.shape
    down, across = math.ceil(high / stride), math.ceil(wide / stride)
    out = torch.zeros(len(weight), down, across, dtype=x.dtype)
    for i, j, k in torch.cartesian_prod(*map(torch.arange, out.shape)).tolist():
        for c, u, v in torch.cartesian_prod(*map(torch.arange, (channels, 3, 3))).tolist():
            row, column = stride * j + u - 1, stride * k + v - 1
            if 0 <= row < high and 0 <= column < wide:
                out[i, j, k] += x[c, row, column] * weight[i, c, u, v]
    return out


@pytest.mark.parametrize("stride", [1, 2])
def test_a_residual_block_is_the_convolution_formula(stride: int) -> None:
    torch.manual_seed(0)
    block = Residual2d(2, 3, stride).double().eval()
    nn.init.normal_(block.norm_second.weight)
    x = random(1, 2, 5, 6)
    scale = block.norm_second.weight.view(3, 1, 1) / math.sqrt(1 + block.norm_second.eps)
    inner = F.relu(convolve(x[0], block.first.weight, stride) / math.sqrt(1 + 1e-5))
    branch = convolve(inner, block.second.weight) * scale
    expected = F.relu(branch + block.skip(x)[0])
    torch.testing.assert_close(block(x)[0], expected)


def test_a_residual_block_whose_branch_is_silent_passes_its_input_on() -> None:
    x = random(2, 4, 5, 5).float().relu()
    picture, line = Residual2d(4, 4), Residual1d(4)
    assert not torch.equal(picture(x), x)
    for block in (picture, line):
        nn.init.zeros_(block.norm_second.weight)
    assert torch.equal(picture(x), x)
    signal = random(2, 4, 7).float().relu()
    assert torch.equal(line(signal, torch.ones(2, 7, dtype=torch.bool)), signal)


def test_padding_changes_no_place_of_a_residual_block() -> None:
    torch.manual_seed(0)
    block = Residual2d(2, 3, 2).double().eval()
    nn.init.normal_(block.norm_first.bias)
    nn.init.normal_(block.norm_second.weight)
    nn.init.normal_(block.norm_second.bias)
    x = random(1, 2, 4, 5)
    mask = torch.ones(1, 1, 3, dtype=torch.bool)
    padded, real = F.pad(x, (0, 4)), F.pad(mask, (0, 2))
    torch.testing.assert_close(block(padded, real)[..., :3], block(x, mask))
    assert not block(padded, real)[..., 3:].any()


def test_batch_norm_is_torchs_own_where_all_is_real() -> None:
    ours, theirs = BatchNorm(3).double(), nn.BatchNorm2d(3).double()
    for seed in range(3):
        x = 4 + 3 * random(5, 3, 4, 2, seed=seed)
        everywhere = torch.ones(5, 1, 1, dtype=torch.bool)
        torch.testing.assert_close(ours(x, everywhere), theirs(x))
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    x = random(5, 3, 4, 2, seed=9)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def test_batch_norm_in_training_counts_only_real_steps() -> None:
    long, short = BatchNorm(3).double(), BatchNorm(3).double()
    x = random(4, 3, 6)
    padded = torch.cat([x, 1e3 * random(4, 3, 5)], 2)
    mask = first_steps([6] * 4, 11)
    found = long(padded, mask)
    torch.testing.assert_close(found[..., :6], short(x))
    assert not found[..., 6:].any()
    torch.testing.assert_close(long.running_var, short.running_var)
    torch.testing.assert_close(long.running_mean, short.running_mean)


def test_batch_norm_survives_a_single_value() -> None:
    norm = BatchNorm(3)
    x = random(1, 3, 1, 1).float()
    expected = x / math.sqrt(1 + norm.eps)
    torch.testing.assert_close(norm(x), expected)
    assert norm(x, torch.ones(1, 1, 1, dtype=torch.bool)).isfinite().all()


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_recurrence_is_torchs_own_in_both_directions(cell: str) -> None:
    torch.manual_seed(0)
    trunk = Recurrent(cell, 6).double()
    both = {"gru": nn.GRU, "lstm": nn.LSTM}[cell](6, 3, batch_first=True, bidirectional=True)
    state = dict(trunk.forwards[0].named_parameters())
    state |= {f"{name}_reverse": w for name, w in trunk.backwards[0].named_parameters()}
    both.double().load_state_dict(state)
    x, lengths = random(3, 5, 6), [5, 2, 4]
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    expected, _ = nn.utils.rnn.pad_packed_sequence(both(packed)[0], batch_first=True)
    mask = first_steps(lengths, 5)
    found = trunk(x, mask)
    torch.testing.assert_close(found * mask.unsqueeze(2), expected)


def test_reversing_keeps_padding_at_the_end() -> None:
    x = torch.tensor([[1.0, 2.0, 3.0, 0.0], [4.0, 0.0, 0.0, 0.0]]).unsqueeze(2)
    mask = first_steps([3, 1], 4)
    assert reverse(x, mask).squeeze(2).tolist() == [[3, 2, 1, 0], [4, 0, 0, 0]]
    assert torch.equal(reverse(reverse(x, mask), mask), x)


def test_patches_are_a_linear_map_of_each_run_of_steps() -> None:
    torch.manual_seed(0)
    layer = Patches(channels=2, width=3, size=4).double()
    x = random(1, 6, 2)
    mask = torch.ones(1, 6, dtype=torch.bool)
    last = torch.cat([x[0, 4:].flatten(), torch.zeros(4).double()])
    expected = torch.stack([layer.linear(x[0, :4].flatten()), layer.linear(last)])
    torch.testing.assert_close(layer(x, mask)[0], expected)
    assert patch_mask(F.pad(mask, (0, 3)), 4).tolist() == [[True, True, False]]


def test_shortening_averages_the_real_steps() -> None:
    tokens = torch.tensor([1.0, 3.0, 5.0, 100.0, 100.0]).view(1, 5, 1)
    mask = torch.tensor([[True, True, True, False, False]])
    assert shorten(tokens, mask, 2).flatten().tolist() == [2.0, 5.0, 0.0]


def test_masked_mean_and_maximum_see_only_the_real() -> None:
    tokens = torch.tensor([[[-3.0], [-1.0], [9.0]], [[7.0], [7.0], [7.0]]])
    mask = torch.tensor([[True, True, False], [False, False, False]])
    assert masked_mean(tokens, mask).flatten().tolist() == [-2.0, 0.0]
    assert masked_max(tokens, mask).flatten().tolist() == [-1.0, 0.0]


def test_sinusoids_turn_at_their_rates() -> None:
    table = sinusoids(50, 6)
    assert table.shape == (50, 6)
    rates = [10_000 ** (-i / 3) for i in range(3)]
    expected = [f(7 * rate) for f in (math.sin, math.cos) for rate in rates]
    torch.testing.assert_close(table[7], torch.tensor(expected))
    assert sinusoids(4, 5).shape == (4, 5)
    tokens = torch.zeros(2, 50, 6)
    torch.testing.assert_close(Sinusoidal(6, scale=0.5)(tokens)[1], 0.5 * table)


def test_learned_positions_beyond_the_last_share_it() -> None:
    layer = Learned(3, 2)
    found = layer(torch.zeros(1, 5, 2))[0]
    assert torch.equal(found[:3], layer.table)
    assert torch.equal(found[3:], layer.table[[2, 2]])
