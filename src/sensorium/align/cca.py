"""Canonical correlation: the directions in which two sides vary together.

Hotelling 1936, with ridges as in Vinod 1976; as a loss for networks, Andrew et al. 2013 (deep CCA).
All is computed in float64.

Legend: rows = paired rows, left and right = features of the two sides, size = directions kept.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from sensorium.core.errors import PartError


@dataclass(frozen=True, eq=False)
class CCA:
    """Linear projections of two sides that are as correlated as can be, best first.

    Attributes:
        left_mean, right_mean: what is taken off first.
        left_weights, right_weights: the directions; without a ridge, the projections of the rows
            learned from have variance 1 and are uncorrelated with one another.
        correlations: of each pair of projections, 0 to 1; with a ridge, shrunk.
    """

    left_mean: Float64[Tensor, " left"]
    right_mean: Float64[Tensor, " right"]
    left_weights: Float64[Tensor, " left size"]
    right_weights: Float64[Tensor, " right size"]
    correlations: Float64[Tensor, " size"]

    @classmethod
    def fit(
        cls,
        left: Float[Tensor, " rows left"],
        right: Float[Tensor, " rows right"],
        size: int,
        ridge: float = 0.0,
    ) -> "CCA":
        """Find the projections.

        With X = U_x S U_x^T the covariance of one side plus ridge, its inverse root whitens it; the
        singular vectors of X^-1/2 C Y^-1/2, C the covariance across, are the directions and its
        singular values the correlations. Directions without variance are left out.

        Args:
            left: one side.
            right: the other, row by row.
            size: how many directions to keep.
            ridge: added to the variance of every feature, in its units squared; needed where rows
                are fewer than features.

        Errors:
            PartError: fewer than two rows, ridge < 0, or more directions than a side has features.
        """
        _check(left, right, size, ridge)
        left, right = left.detach().double(), right.detach().double()
        means = left.mean(0), right.mean(0)
        left, right = left - means[0], right - means[1]
        whiten_left = _inverse_root(covariance(left, left), ridge)
        whiten_right = _inverse_root(covariance(right, right), ridge)
        u, s, vh = torch.linalg.svd(whiten_left @ covariance(left, right) @ whiten_right)
        lefts, rights = whiten_left @ u[:, :size], whiten_right @ vh.T[:, :size]
        sign = _signs(lefts)
        return cls(*means, lefts * sign, rights * sign, s[:size].clamp(max=1.0))

    def project_left(self, left: Float[Tensor, " rows left"]) -> Float64[Tensor, " rows size"]:
        """Project rows of the left side."""
        return (left.double() - self.left_mean) @ self.left_weights

    def project_right(self, right: Float[Tensor, " rows right"]) -> Float64[Tensor, " rows size"]:
        """Project rows of the right side."""
        return (right.double() - self.right_mean) @ self.right_weights


def deep_cca(
    left: Float[Tensor, " rows left"],
    right: Float[Tensor, " rows right"],
    size: int | None = None,
    ridge: float = 1e-3,
) -> Float[Tensor, ""]:
    """Give minus the sum of the largest canonical correlations of a batch, with slopes.

    The singular values of L_x^-1 C L_y^-T, where L L^T is the covariance of a side plus ridge, are
    those of X^-1/2 C Y^-1/2 (Andrew et al. 2013, section 3), but triangular factors have tame
    slopes where variances are equal, which is where training leads.

    Args:
        left: one side; many more rows than features, or the correlations mean little.
        right: the other, row by row.
        size: how many correlations to sum; None sums all.
        ridge: added to the variance of every feature; more than 0, so that collapsed features
            have slopes too.

    Errors:
        PartError: fewer than two rows, ridge <= 0, or more directions than a side has features.
    """
    size = min(left.shape[1], right.shape[1]) if size is None else size
    _check(left, right, size, ridge)
    if ridge == 0:
        msg = "deep CCA needs ridge > 0, or features that collapse have no slopes; found 0"
        raise PartError(msg)
    x, y = (side.double() - side.double().mean(0) for side in (left, right))
    lower_x, lower_y = (torch.linalg.cholesky(_ridged(covariance(z, z), ridge)) for z in (x, y))
    half = torch.linalg.solve_triangular(lower_x, covariance(x, y), upper=False)
    both = torch.linalg.solve_triangular(lower_y, half.mT, upper=False)
    total: Tensor = -torch.linalg.svdvals(both)[:size].sum()
    return total.to(left.dtype)


def covariance(
    left: Float[Tensor, " rows left"], right: Float[Tensor, " rows right"]
) -> Float[Tensor, " left right"]:
    """Compute the covariance of two sides that are centred already."""
    return left.mT @ right / (len(left) - 1)


def _inverse_root(square: Tensor, ridge: float) -> Tensor:
    """Compute the symmetric inverse root; directions without variance become 0."""
    values, vectors = torch.linalg.eigh(_ridged(square, ridge))
    least = values[-1].clamp(min=0) * len(values) * torch.finfo(values.dtype).eps
    roots = torch.where(values > least, values.clamp(min=least).rsqrt(), 0.0)
    root: Tensor = (vectors * roots) @ vectors.mT
    return root


def _ridged(square: Tensor, ridge: float) -> Tensor:
    return square + ridge * torch.eye(len(square), dtype=square.dtype, device=square.device)


def _signs(weights: Tensor) -> Tensor:
    """Make the largest weight of each direction positive, so that every machine agrees."""
    largest = weights.abs().argmax(0, keepdim=True)
    return torch.where(weights.gather(0, largest)[0] < 0, -1.0, 1.0).to(weights.dtype)


def _check(left: Tensor, right: Tensor, size: int, ridge: float) -> None:
    most = min(left.shape[1], right.shape[1])
    if not 1 <= size <= most:
        msg = (
            f"canonical correlation needs 1 <= size <= {most}, the features of the smaller side; "
            f"found size={size}, features {left.shape[1]} and {right.shape[1]}"
        )
        raise PartError(msg)
    if len(left) < 2:
        msg = f"canonical correlation needs two rows at least; found {len(left)}"
        raise PartError(msg)
    if ridge < 0:
        msg = f"canonical correlation needs ridge >= 0; found {ridge}"
        raise PartError(msg)
