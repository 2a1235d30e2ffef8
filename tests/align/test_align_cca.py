"""Canonical correlations against scikit-learn, closed forms and finite differences."""

import numpy as np
import pytest
import torch
from sklearn.cross_decomposition import CCA as TheirCCA  # noqa: N811 - a name of two
from torch import Tensor

from sensorium.align import CCA, deep_cca
from sensorium.core.errors import PartError


def drawn(rows: int = 200, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two sides of 4 and 5 features that share three hidden causes, ever more weakly."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(rows, 3, generator=generator, dtype=torch.float64)
    strength = torch.tensor([3.0, 1.5, 0.8], dtype=torch.float64)
    sides = []
    for features in (4, 5):
        mixing = torch.randn(3, features, generator=generator, dtype=torch.float64)
        noise = torch.randn(rows, features, generator=generator, dtype=torch.float64)
        sides.append((hidden * strength) @ mixing + noise + 7.0)
    return sides[0], sides[1]


def by_columns(a: Tensor, b: Tensor) -> list[float]:
    return [float(np.corrcoef(x, y)[0, 1]) for x, y in zip(a.T, b.T, strict=True)]


def test_correlations_like_scikit_learn() -> None:
    left, right = drawn()
    found = CCA.fit(left, right, 3)
    theirs = TheirCCA(3, max_iter=5000, tol=1e-12).fit(left.numpy(), right.numpy())
    a, b = theirs.transform(left.numpy(), right.numpy())
    assert found.correlations.tolist() == pytest.approx(
        by_columns(torch.tensor(a), torch.tensor(b)), abs=1e-6
    )


def test_correlations_are_the_roots_of_the_closed_form() -> None:
    """Squared, they are the eigenvalues of Sxx^-1 Sxy Syy^-1 Syx."""
    left, right = (x.numpy() for x in drawn())
    whole = np.cov(left.T, right.T)
    xx, xy, yy = whole[:4, :4], whole[:4, 4:], whole[4:, 4:]
    squares = np.linalg.eigvals(np.linalg.solve(xx, xy) @ np.linalg.solve(yy, xy.T)).real
    found = CCA.fit(torch.tensor(left), torch.tensor(right), 4)
    assert found.correlations.tolist() == pytest.approx(np.sqrt(np.sort(squares)[::-1]), abs=1e-10)


def test_projections_are_as_correlated_as_they_say_and_otherwise_not() -> None:
    left, right = drawn()
    found = CCA.fit(left, right, 3)
    a, b = found.project_left(left), found.project_right(right)
    assert by_columns(a, b) == pytest.approx(found.correlations.tolist(), abs=1e-10)
    whole = torch.cov(torch.cat([a, b], 1).T)
    across = torch.diag(found.correlations)
    expected = torch.cat([torch.eye(3), across, across, torch.eye(3)]).view(2, 2, 3, 3)
    torch.testing.assert_close(whole.view(2, 3, 2, 3).transpose(1, 2), expected.double())


def test_one_feature_a_side_is_pearsons_correlation() -> None:
    left, right = drawn()
    r = float(np.corrcoef(left[:, 0], right[:, 1])[0, 1])
    found = CCA.fit(left[:, :1], right[:, 1:2], 1)
    assert float(found.correlations) == pytest.approx(abs(r), abs=1e-12)


def test_units_do_not_matter() -> None:
    left, right = drawn()
    other = left @ torch.randn(4, 4).double() * 1000 - 5
    first, again = CCA.fit(left, right, 4), CCA.fit(other, right, 4)
    torch.testing.assert_close(first.correlations, again.correlations)


def test_hidden_causes_are_found_again_in_new_rows() -> None:
    left, right = drawn(2000)
    found = CCA.fit(left[:1000].float(), right[:1000].float(), 2)
    new = by_columns(found.project_left(left[1000:]), found.project_right(right[1000:]))
    assert new == pytest.approx(found.correlations.tolist(), abs=0.03)


def test_a_ridge_keeps_few_rows_from_correlating_by_chance() -> None:
    left, right = torch.randn(10, 20).double(), torch.randn(10, 20).double()
    assert float(CCA.fit(left, right, 1).correlations) == pytest.approx(1.0)
    assert float(CCA.fit(left, right, 1, ridge=10.0).correlations) < 0.6


def test_features_that_repeat_or_do_not_vary_are_no_trouble() -> None:
    left, right = drawn()
    spoilt = torch.cat([left, left[:, :1] * 2, torch.full((200, 1), 3.0)], 1)
    found, clean = CCA.fit(spoilt, right, 5), CCA.fit(left, right, 4)
    torch.testing.assert_close(found.correlations[:4], clean.correlations)
    assert float(found.correlations[4]) == pytest.approx(0.0, abs=1e-7)
    assert found.left_weights.isfinite().all()


def test_deep_cca_is_minus_the_sum_of_correlations() -> None:
    left, right = drawn()
    for size in (1, 2, 4):
        total = float(CCA.fit(left, right, size, ridge=0.1).correlations.sum())
        assert float(deep_cca(left, right, size, ridge=0.1)) == pytest.approx(-total, abs=1e-10)
    assert float(deep_cca(left, right, ridge=0.1)) == pytest.approx(-total, abs=1e-10)


@pytest.mark.parametrize("size", [None, 2])
def test_deep_cca_has_the_slopes_of_finite_differences(size: int | None) -> None:
    left, right = (x[:, :3].clone().requires_grad_() for x in drawn(12))
    assert torch.autograd.gradcheck(lambda a, b: deep_cca(a, b, size, 0.05), (left, right))


def test_slopes_are_finite_where_all_variances_are_equal_and_where_all_is_constant() -> None:
    """Whitened features are where training leads, constant ones where it must get away from."""
    left = torch.linalg.qr(torch.randn(50, 4).double())[0]
    for rows in (left, torch.ones(50, 4).double()):
        x = rows.clone().requires_grad_()
        deep_cca(x, x.detach() + 0.01 * torch.randn(50, 4)).backward()
        assert x.grad is not None
        assert x.grad.isfinite().all()


def test_deep_cca_teaches_a_network_what_two_sides_share() -> None:
    torch.manual_seed(1)
    hidden = torch.rand(256, 1) * 4 - 2
    left = torch.cat([hidden, torch.randn(256, 1)], 1)
    right = torch.cat([hidden**2, torch.randn(256, 1)], 1)
    nets = [
        torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
        for _ in range(2)
    ]
    optimiser = torch.optim.Adam([p for net in nets for p in net.parameters()], lr=0.02)
    linear = float(CCA.fit(left, right, 1).correlations)
    for _ in range(150):
        optimiser.zero_grad()
        loss = deep_cca(nets[0](left), nets[1](right))
        loss.backward()
        optimiser.step()
    assert loss.dtype == torch.float32
    assert linear < 0.3
    assert -loss.item() > 0.9


def test_what_cannot_be_is_refused() -> None:
    left, right = drawn(5)
    with pytest.raises(PartError, match="1 <= size <= 4, the features of the smaller side"):
        CCA.fit(left, right, 5)
    with pytest.raises(PartError, match="two rows at least; found 1"):
        deep_cca(left[:1], right[:1])
    with pytest.raises(PartError, match="ridge >= 0; found -1"):
        CCA.fit(left, right, 2, ridge=-1.0)
    with pytest.raises(PartError, match="ridge > 0"):
        deep_cca(left, right, 2, ridge=0.0)
