"""What all contract checks share: the error, the tolerances, and sameness of columns and tokens."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from sensorium.core.batch import Column, Encoded

TOLERANCES = {
    "fit": 1e-5,
    "gradients": 1e-5,
    "order": 1e-6,
    "padding": 1e-6,
}
"""How far numbers may lie apart, as a share of the largest, computed in float64 (``fit``: columns
of float32). Wherever no tolerance stands here, numbers must be the same to the last bit."""


class ContractError(AssertionError):
    """A part breaks a promise that its door makes.

    Attributes:
        promise: which one, such as ``"padding"``.
    """

    def __init__(self, promise: str, message: str) -> None:
        super().__init__(f"the promise of {promise!r} is broken: {message}")
        self.promise = promise


def demand(kept: object, promise: str, message: str) -> None:
    """Raise when a promise is not kept.

    Errors:
        ContractError: ``kept`` is false.
    """
    if not kept:
        raise ContractError(promise, message)


@contextmanager
def explained(promise: str) -> Iterator[None]:
    """Turn whatever a part raises into a broken promise.

    Errors:
        ContractError: from the part's own error.
    """
    try:
        yield
    except ContractError:
        raise
    except Exception as error:
        msg = f"the part raised {type(error).__name__}: {error}"
        raise ContractError(promise, msg) from error


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's global generator for a while, and put it back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def distance(left: Tensor, right: Tensor) -> float:
    """Tell how far apart two tensors are, as a share of the largest number in them."""
    if left.shape != right.shape:
        return float("inf")
    if left.numel() == 0:
        return 0.0
    left, right = left.detach(), right.detach()
    largest = max(float(left.abs().max()), float(right.abs().max()), 1e-12)
    return float((left - right).abs().max()) / largest


def same_bits(left: Encoded, right: Encoded) -> bool:
    """Tell whether two encodings are the same to the last bit."""
    pairs = (
        (left.tokens, right.tokens),
        (left.mask, right.mask),
        (left.present, right.present),
    )
    return all(torch.equal(one, other) for one, other in pairs)


def is_sequence(column: Column) -> bool:
    """Tell whether the values run along the mask's time."""
    values, mask = column.values, column.mask
    return values.ndim > 1 and mask.shape[1] > 1 and values.shape[1] == mask.shape[1]


def noise(values: Tensor, seed: int = 0) -> Tensor:
    """Make other values of the same kind: numbers, or ids between the least and the largest."""
    generator = torch.Generator().manual_seed(seed)
    if values.is_floating_point():
        return torch.randn(values.shape, generator=generator).to(values.dtype)
    low, high = (int(values.min()), int(values.max())) if values.numel() else (0, 0)
    return torch.randint(low, high + 1, values.shape, generator=generator).to(values.dtype)
