"""Random changes to pictures, UInt8[batch channels height width], drawn anew for every row.

Each function takes a column and a generator and gives a column; all draw on the CPU, so that a
seed means the same on every device.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Generator, Tensor

from sensorium.core.batch import Column

Pictures = UInt8[Tensor, "batch channels height width"]
Shares = Float[Tensor, " batch"]

SHIFT = 8
"""A crop shifts by up to one part in so many of the side."""
GREY = (0.299, 0.587, 0.114)
"""The weights of red, green and blue in brightness (ITU-R BT.601)."""


def uniform(rows: int, low: float, high: float, generator: Generator) -> Shares:
    """Draw one number a row."""
    return torch.rand(rows, generator=generator) * (high - low) + low


def flip(column: Column, generator: Generator) -> Column:
    """Mirror left and right, every second row."""
    values = column.values
    coin = uniform(len(values), 0, 1, generator) < 0.5
    return replace(column, values=torch.where(_wide(coin, values), values.flip(-1), values))


def crop(column: Column, generator: Generator) -> Column:
    """Shift by up to an eighth of the side each way; what comes in is the mirrored edge."""
    values = column.values
    height, width = values.shape[-2:]
    reach = max(1, min(height, width) // SHIFT)
    down, right = (
        torch.randint(-reach, reach + 1, (len(values),), generator=generator) for _ in range(2)
    )
    rows = _mirrored(torch.arange(-reach, height + reach), height).to(values.device)
    columns = _mirrored(torch.arange(-reach, width + reach), width).to(values.device)
    wide = values.index_select(2, rows).index_select(3, columns)
    shifted = [
        picture[:, reach + y : reach + y + height, reach + x : reach + x + width]
        for picture, y, x in zip(wide, down.tolist(), right.tolist(), strict=True)
    ]
    return replace(column, values=torch.stack(shifted) if shifted else values)


def zoom(column: Column, generator: Generator) -> Column:
    """Cut out 40 to 100 % of the area, at 3:4 to 4:3, and scale it up (Szegedy et al. 2015)."""
    values = column.values
    rows = len(values)
    area = uniform(rows, 0.4, 1, generator)
    ratio = (uniform(rows, -1, 1, generator) * torch.tensor(4 / 3).log()).exp()
    high, wide = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    down, right = (uniform(rows, -1, 1, generator) * (1 - side) for side in (high, wide))
    zero = torch.zeros(rows)
    matrix = torch.stack([wide, zero, right, zero, high, down], 1).reshape(-1, 2, 3)
    return replace(column, values=warped(values, matrix))


def colour(column: Column, generator: Generator) -> Column:
    """Change brightness, contrast and saturation by up to 40 % each."""
    values = column.values
    for change in (brightened, contrasted, saturated):
        values = change(values, uniform(len(values), 0.6, 1.4, generator))
    return replace(column, values=values)


def cutout(column: Column, generator: Generator) -> Column:
    """Grey out a square of half the side, which may reach over the edge (DeVries & Taylor 2017)."""
    values = column.values
    height, width = values.shape[-2:]
    hole = torch.ones(len(values), 1, height, width, dtype=torch.bool)
    for side, length in ((2, height), (3, width)):
        centre = uniform(len(values), 0, length, generator)
        away = (torch.arange(length) + 0.5 - centre[:, None]).abs()
        shape = [len(values), 1, 1, 1]
        shape[side] = length
        hole &= (away < length / 4).reshape(shape)
    mean = values.float().mean((2, 3), keepdim=True).round().to(values.dtype)
    return replace(column, values=torch.where(hole.to(values.device), mean, values))


def brightened(values: Pictures, factor: Shares) -> Pictures:
    """Multiply the light."""
    return whole(values * _wide(factor, values))


def contrasted(values: Pictures, factor: Shares) -> Pictures:
    """Move pixels away from the picture's mean grey, or towards it."""
    mean = grey(values).mean((1, 2, 3), keepdim=True)
    return whole(mean + (values - mean) * _wide(factor, values))


def saturated(values: Pictures, factor: Shares) -> Pictures:
    """Move pixels away from their own grey, or towards it."""
    if values.shape[1] == 1:
        return values
    pale = grey(values)
    return whole(pale + (values - pale) * _wide(factor, values))


def grey(values: Pictures) -> Float[Tensor, "batch 1 height width"]:
    """Weigh the channels to one."""
    if values.shape[1] == 1:
        return values.float()
    weights = torch.tensor(GREY, device=values.device).reshape(1, 3, 1, 1)
    return (values * weights).sum(1, keepdim=True)


def warped(values: Pictures, matrix: Float[Tensor, "batch 2 3"]) -> Pictures:
    """Look each pixel up where the matrix sends it (-1..1 across the picture); edges mirrored."""
    if not len(values):
        return values
    grid = F.affine_grid(matrix.to(values.device), list(values.shape), align_corners=False)
    found = F.grid_sample(values.float(), grid, padding_mode="reflection", align_corners=False)
    return whole(found)


def whole(values: Tensor) -> Pictures:
    """Round to 0..255."""
    return values.round().clamp(0, 255).to(torch.uint8)


def _mirrored(places: Tensor, length: int) -> Tensor:
    inside = places.abs()
    return torch.where(inside >= length, 2 * (length - 1) - inside, inside).clamp(0, length - 1)


def _wide(numbers: Shares | Bool[Tensor, " batch"], values: Tensor) -> Tensor:
    return numbers.to(values.device).reshape(-1, *[1] * (values.ndim - 1))
