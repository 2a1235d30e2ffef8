"""Statistics of levels against sums by hand."""

import torch

from sensorium.nn.levels import LEAST, Levels, statistics


def test_statistics_are_mean_and_deviation_over_places() -> None:
    x = torch.tensor([[[[1.0, 3.0], [1.0, 3.0]], [[5.0, 5.0], [5.0, 5.0]]]])
    expected = torch.tensor([[2.0, 5.0, (1 + LEAST) ** 0.5, LEAST**0.5]])
    torch.testing.assert_close(statistics(x), expected)


def test_places_that_are_not_real_do_not_count() -> None:
    x = torch.tensor([[[1.0, 3.0, 100.0]], [[7.0, 7.0, 7.0]]])
    mask = torch.tensor([[True, True, False], [False, False, False]])
    expected = torch.tensor([[2.0, (1 + LEAST) ** 0.5], [0.0, LEAST**0.5]])
    torch.testing.assert_close(statistics(x, mask), expected)


def test_a_mask_of_all_places_is_no_mask() -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 3, 5)
    torch.testing.assert_close(statistics(x), statistics(x, torch.ones(4, 5, dtype=torch.bool)))


def test_a_constant_level_has_a_gradient() -> None:
    x = torch.ones(2, 1, 4, requires_grad=True)
    statistics(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_levels_join_all_and_keep_rows_apart() -> None:
    torch.manual_seed(0)
    levels = Levels((3, 5), width=7).eval()
    found = [torch.randn(2, 6), torch.randn(2, 10)]
    both = levels(found)
    assert both.shape == (2, 7)
    torch.testing.assert_close(levels([part[:1] for part in found]), both[:1])
