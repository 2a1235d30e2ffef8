"""Encoders of numbers, names, flags, dates, vectors and signals against hand computations."""

import math

import pytest
import torch

from sensorium.core.batch import Column, Layout
from sensorium.encoders import (
    Categories,
    Encoder,
    Flags,
    Numbers,
    Periodic,
    Piecewise,
    SeriesCNN,
    SeriesGRU,
    SeriesMoments,
    SeriesTransformer,
    Vectors,
)
from sensorium.encoders.piecewise import piecewise
from sensorium.encoders.series_cnn import steps_per_token


def cells(*values: float | int) -> Column:
    there = torch.ones(len(values), dtype=torch.bool)
    return Column(torch.tensor(values).unsqueeze(1), there.unsqueeze(1), there)


def ready(encoder: Encoder, layout: Layout) -> Encoder:
    torch.manual_seed(0)
    encoder.setup(layout)
    return encoder.eval()


def test_piecewise_numbers_by_hand() -> None:
    edges = torch.tensor([0.0, 1.0, 3.0, 4.0])
    found = piecewise(torch.tensor([0.5, 2.0, 3.25, -1.0, 6.0]), edges)
    expected = [[0.5, 0, 0], [1, 0.5, 0], [1, 1, 0.25], [-1, 0, 0], [1, 1, 3]]
    assert found.tolist() == expected
    assert piecewise(torch.tensor([-1.0, 3.0]), edges[:2]).tolist() == [[-1], [3]]


def test_piecewise_takes_repeated_missing_and_single_edges() -> None:
    assert (
        ready(Piecewise(width=4), Layout("number", edges=(1.0, 1.0, 2.0))).linear.in_features == 1
    )
    for edges in ((), (3.0,)):
        encoder = ready(Piecewise(width=4), Layout("number", edges=edges))
        assert encoder(cells(3.0, 1e6)).tokens.isfinite().all()


def test_periodic_is_sines_cosines_and_the_number_itself() -> None:
    encoder = ready(Periodic(width=3, frequencies=2), Layout("number"))
    a, b = encoder.rates[0].tolist()
    turns = [2 * math.pi * rate * 0.7 for rate in (a, b)]
    waves = torch.tensor([*map(math.sin, turns), *map(math.cos, turns), 0.7])
    torch.testing.assert_close(encoder(cells(0.7)).pooled()[0], encoder.linear(waves).relu())


def test_numbers_and_flags_are_lines() -> None:
    numbers = ready(Numbers(width=3), Layout("number"))
    weight, bias = numbers.linear.weight[:, 0], numbers.linear.bias
    torch.testing.assert_close(numbers(cells(2.5)).pooled()[0], 2.5 * weight + bias)
    flags = ready(Flags(width=3), Layout("flag", vocabulary=2))
    no, yes = flags(cells(0, 1)).pooled()
    torch.testing.assert_close(no + yes, 2 * flags.linear.bias)
    torch.testing.assert_close(yes - no, 2 * flags.linear.weight[:, 0])


def test_a_category_is_its_row_and_several_are_their_sum() -> None:
    encoder = ready(Categories(width=3), Layout("category", vocabulary=4))
    torch.testing.assert_close(encoder(cells(2, 0)).pooled(), encoder.embed.weight[[2, 0]])
    marks = torch.tensor([[1.0, 0.0, 1.0, 0.0], [0.0] * 4])
    there = torch.ones(2, dtype=torch.bool)
    several = encoder(Column(marks, there.unsqueeze(1), there)).pooled()
    torch.testing.assert_close(several[0], encoder.embed.weight[[0, 2]].sum(0) / 2**0.5)
    assert not several[1].any()


def test_a_column_of_no_names_at_all_can_be_encoded() -> None:
    encoder = ready(Categories(width=3), Layout("category", vocabulary=0, channels=0))
    there = torch.ones(2, dtype=torch.bool)
    assert encoder(Column(torch.zeros(2, 0), there.unsqueeze(1), there)).tokens.shape == (2, 1, 3)


def test_a_vector_of_one_number_is_not_lost() -> None:
    encoder = ready(Vectors(width=4), Layout("vector", channels=1))
    low, high = encoder(cells(-1.0, 1.0)).pooled()
    assert (low - high).abs().max() > 0.01


def test_moments_are_mean_and_deviation_of_what_is_there() -> None:
    encoder = ready(SeriesMoments(width=4), Layout("series", channels=2, length=3))
    values = torch.tensor([[[1.0, 5.0], [3.0, 5.0], [99.0, 99.0]]])
    mask = torch.tensor([[True, True, False]])
    found = encoder(Column(values, mask, mask[:, 0])).pooled()
    known = torch.tensor([[2.0, 5.0, 1.0, 0.0]]) / (1 + 1e-5) ** 0.5
    torch.testing.assert_close(found, encoder.mlp(known), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("part", [SeriesCNN, SeriesGRU, SeriesTransformer])
def test_long_signals_give_few_tokens(
    part: type[SeriesCNN] | type[SeriesGRU] | type[SeriesTransformer],
) -> None:
    encoder = ready(part(width=4), Layout("series", channels=2, length=1_000))
    there = torch.ones(1, 1_000, dtype=torch.bool)
    found = encoder(Column(torch.randn(1, 1_000, 2), there, there[:, 0]))
    assert found.tokens.shape == (1, math.ceil(1_000 / steps_per_token(1_000)), 4)
    assert found.tokens.shape[1] <= 64


@pytest.mark.parametrize(
    ("length", "sizes", "dilations"),
    [(60, [1, 1, 1, 1], [1, 2, 4]), (128, [2, 1, 1, 1], [1, 1, 2]), (1_000, [2, 2, 2, 2], [1] * 3)],
)
def test_long_signals_are_halved_where_short_ones_are_dilated(
    length: int, sizes: list[int], dilations: list[int]
) -> None:
    encoder = ready(SeriesCNN(width=4, depth=3), Layout("series", length=length))
    assert list(encoder.trunk.sizes) == sizes
    assert [block.first.dilation[0] for block in encoder.trunk.blocks] == dilations


def test_each_block_of_a_signal_network_looks_twice_as_far() -> None:
    encoder = ready(SeriesCNN(width=4, depth=3, kernel=3), Layout("series", length=60))
    for weight in encoder.parameters():
        torch.nn.init.constant_(weight, 0.1)
    values = torch.ones(1, 60, 1, requires_grad=True)
    there = torch.ones(1, 60, dtype=torch.bool)
    x = encoder.stem(values.transpose(1, 2))
    for block in encoder.trunk.blocks:
        x = block(x, there)
    x[0, :, 30].sum().backward()
    assert values.grad is not None
    seen = values.grad[0, :, 0].nonzero().flatten()
    reach = 1 + 2 * (1 + 2 + 4)
    assert (int(seen.min()), int(seen.max())) == (30 - reach, 30 + reach)
