"""RandAugment (Cubuk et al. 2020): two changes a picture, drawn from fourteen, of one strength.

An operation takes pictures, UInt8[batch channels height width], and a signed strength in -1..1 a
row, of which those without direction use the amount.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from sensorium.core.batch import Column
from sensorium.preprocess.vary_image import (
    Pictures,
    Shares,
    brightened,
    contrasted,
    saturated,
    uniform,
    warped,
    whole,
)

STRENGTH = 0.3
"""Magnitude 9 of 30, the paper's usual choice."""
CHANGES = 2
Operation = Callable[[Pictures, Shares], Pictures]


def rand(column: Column, generator: Generator) -> Column:
    """Apply two random operations to each row."""
    values = column.values.clone()
    operations = list(OPERATIONS.values())
    for _ in range(CHANGES):
        choice = torch.randint(len(operations), (len(values),), generator=generator)
        sign = torch.where(uniform(len(values), -1, 1, generator) < 0, -STRENGTH, STRENGTH)
        for number, operation in enumerate(operations):
            rows = (choice == number).nonzero().squeeze(1)
            if len(rows):
                place = rows.to(values.device)
                values[place] = operation(values[place], sign[rows])
    return replace(column, values=values)


def _identity(values: Pictures, strength: Shares) -> Pictures:  # noqa: ARG001
    return values


def _auto_contrast(values: Pictures, strength: Shares) -> Pictures:  # noqa: ARG001
    low = values.amin((2, 3), keepdim=True).float()
    high = values.amax((2, 3), keepdim=True).float()
    scale = torch.where(high > low, 255 / (high - low).clamp(min=1), 1.0)
    return whole(torch.where(high > low, (values - low) * scale, values.float()))


def _equalize(values: Pictures, strength: Shares) -> Pictures:  # noqa: ARG001
    flat = values.flatten(0, 1).flatten(1).long()
    counts = torch.zeros(len(flat), 256, device=flat.device)
    counts.scatter_add_(1, flat, torch.ones(flat.shape, device=flat.device))
    below = counts.cumsum(1)
    first = below.gather(1, flat.amin(1, keepdim=True))
    scale = 255 / (flat.shape[1] - first).clamp(min=1)
    spread = ((below - first) * scale).gather(1, flat)
    flat_colour = first == flat.shape[1]
    return whole(torch.where(flat_colour, flat.float(), spread).reshape(values.shape))


def _rotate(values: Pictures, strength: Shares) -> Pictures:
    angle = strength * torch.pi / 6
    zero = torch.zeros_like(angle)
    return _sent(values, (angle.cos(), -angle.sin(), zero), (angle.sin(), angle.cos(), zero))


def _shear_across(values: Pictures, strength: Shares) -> Pictures:
    zero, one = torch.zeros_like(strength), torch.ones_like(strength)
    return _sent(values, (one, 0.3 * strength, zero), (zero, one, zero))


def _shear_down(values: Pictures, strength: Shares) -> Pictures:
    zero, one = torch.zeros_like(strength), torch.ones_like(strength)
    return _sent(values, (one, zero, zero), (0.3 * strength, one, zero))


def _move_across(values: Pictures, strength: Shares) -> Pictures:
    zero, one = torch.zeros_like(strength), torch.ones_like(strength)
    return _sent(values, (one, zero, 0.9 * strength), (zero, one, zero))


def _move_down(values: Pictures, strength: Shares) -> Pictures:
    zero, one = torch.zeros_like(strength), torch.ones_like(strength)
    return _sent(values, (one, zero, zero), (zero, one, 0.9 * strength))


def _sent(
    values: Pictures, across: tuple[Shares, Shares, Shares], down: tuple[Shares, Shares, Shares]
) -> Pictures:
    return warped(values, torch.stack([*across, *down], 1).reshape(-1, 2, 3))


def _solarize(values: Pictures, strength: Shares) -> Pictures:
    limit = _wide(256 * (1 - strength.abs()), values)
    return torch.where(values >= limit, 255 - values, values)


def _posterize(values: Pictures, strength: Shares) -> Pictures:
    step = _wide(2 ** (4 * strength.abs()).round(), values)
    return ((values / step).floor() * step).to(torch.uint8)


def _brightness(values: Pictures, strength: Shares) -> Pictures:
    return brightened(values, 1 + 0.9 * strength)


def _contrast(values: Pictures, strength: Shares) -> Pictures:
    return contrasted(values, 1 + 0.9 * strength)


def _saturation(values: Pictures, strength: Shares) -> Pictures:
    return saturated(values, 1 + 0.9 * strength)


def _sharpness(values: Pictures, strength: Shares) -> Pictures:
    light = values.float()
    kernel = torch.ones(3, 3, device=values.device)
    kernel[1, 1] = 5
    kernel = (kernel / kernel.sum()).expand(values.shape[1], 1, 3, 3)
    padded = F.pad(light, (1, 1, 1, 1), mode="replicate")
    soft = F.conv2d(padded, kernel, groups=values.shape[1])
    return whole(soft + (light - soft) * _wide(1 + 0.9 * strength, values))


def _wide(numbers: Shares, values: Tensor) -> Tensor:
    return numbers.to(values.device).reshape(-1, 1, 1, 1)


OPERATIONS: dict[str, Operation] = {
    "auto_contrast": _auto_contrast,
    "brightness": _brightness,
    "contrast": _contrast,
    "equalize": _equalize,
    "identity": _identity,
    "move_across": _move_across,
    "move_down": _move_down,
    "posterize": _posterize,
    "rotate": _rotate,
    "saturation": _saturation,
    "sharpness": _sharpness,
    "shear_across": _shear_across,
    "shear_down": _shear_down,
    "solarize": _solarize,
}
