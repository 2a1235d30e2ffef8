"""How a network wants its pictures: their side, their cut and their colours.

Legend: batch = rows, channels = 1 or 3 colours, side = px.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded
from sensorium.core.schema import Field, Image
from sensorium.encoders.encoder import as_encoded, one_token
from sensorium.encoders.towers.source import read_json

PROCESSOR = "preprocessor_config.json"
PAGE = "page"


class Framing(nn.Module):
    """Scales a picture, cuts its middle out and evens its colours, as a network was trained on.

    Args:
        known: ``scaled`` and ``side_px`` (the sides before and after the cut, px), ``mean`` and
            ``deviation`` (one number a colour, as shares of 255), ``fit``, how a picture becomes a
            square (``"crop"`` unless it says otherwise), and ``wide_px``, how wide the square is
            then made where it does not stay one. ``cut`` says where the middle lies when the edge
            is half a pixel more than a whole number: that half is left out (``"down"``, as
            ``transformers`` does it) or rounded to an even number (``"nearest"``, as
            ``torchvision`` does). ``fit="page"`` keeps the shape: what made the picture a square
            is taken away, and it is laid into the middle of ``side_px`` by ``wide_px``.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, known: Mapping[str, Any]) -> None:
        super().__init__()
        self.scaled = int(known["scaled"])
        self.side = int(known["side_px"])
        self.wide = int(known.get("wide_px", self.side))
        self.fit = known.get("fit", "crop")
        half = (self.scaled - self.side) / 2
        self.edge = round(half) if known.get("cut", "down") == "nearest" else int(half)
        for name in ("mean", "deviation"):
            value = torch.tensor(known[name], dtype=torch.float32)[:, None, None]
            self.register_buffer(name, value, persistent=False)

    @property
    def channels(self) -> int:
        """How many colours the network sees."""
        return len(self.mean)

    def forward(
        self, values: Shaped[Tensor, " batch given high wide"]
    ) -> Float[Tensor, " batch channels down across"]:
        """Prepare pictures of bytes, or of numbers from 0 to 255."""
        x = values.to(self.mean.dtype, memory_format=torch.channels_last)
        if x.shape[1] != self.channels:
            x = x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x.mean(1, keepdim=True)
        if x.shape[-2:] != (self.scaled, self.scaled):
            size = (self.scaled, self.scaled)
            x = F.interpolate(x, size, mode="bicubic", antialias=True).clamp(0, 255)
        if self.fit == PAGE:
            x = torch.stack([laid(one, self.side, self.wide) for one in x])
            return (x / 255 - self.mean) / self.deviation
        x = x[..., self.edge : self.edge + self.side, self.edge : self.edge + self.side]
        if self.wide != self.side:
            size = (self.side, self.wide)
            x = F.interpolate(x, size, mode="bicubic", antialias=True).clamp(0, 255)
        return (x / 255 - self.mean) / self.deviation

    def suited(self, field: Field) -> Field:
        """Give a picture's field the side and the colours that the network was trained on."""
        if not isinstance(field, Image):
            return field
        fit: Any = "pad" if self.fit == PAGE else self.fit
        return replace(field, size=self.scaled, channels=self.channels, fit=fit)


def laid(
    square: Float[Tensor, " channels side side"], high: int, wide: int
) -> Float[Tensor, " channels high wide"]:
    """Lay a picture that was made a square by black at two of its edges into a rectangle.

    As large as goes in without a change of its shape; black is what is left on both sides.
    """
    lit = square.amax(0) > 0
    tall, broad = _lit(lit.any(1)), _lit(lit.any(0))
    if len(tall) < len(broad):
        square = square[:, tall.start : tall.stop]
    else:
        square = square[:, :, broad.start : broad.stop]
    rows, columns = square.shape[1:]
    size = (min(high, max(1, rows * wide // columns)), min(wide, max(1, columns * high // rows)))
    inner = F.interpolate(square[None], size, mode="bilinear", antialias=True)[0]
    down, across = high - size[0], wide - size[1]
    return F.pad(inner, (across // 2, across - across // 2, down // 2, down - down // 2))


def _lit(lit: Bool[Tensor, " side"]) -> range:
    """Give the lines between as many dark ones at both edges, but for one more where it is odd."""
    places = lit.nonzero().flatten().tolist()
    if not places:
        return range(len(lit))
    first, last = places[0], len(lit) - 1 - places[-1]
    most = min(first, last) + 1
    return range(min(first, most), len(lit) - min(last, most))


def read_framing(folder: Path, side: int, channels: int, *, raw: bool = False) -> dict[str, Any]:
    """Read what a ``preprocessor_config.json`` says of a network's pictures.

    Args:
        folder: where that file may lie.
        side: the side that the network takes, px; 0 where it takes any.
        channels: how many colours it takes.
        raw: whether it evens colours out by itself, so that it is given 0..255 where no file
            says otherwise; else mean and deviation are then 0.5.
    """
    said = read_json(folder, PROCESSOR)
    found = side or side_of(said.get("crop_size")) or side_of(said.get("size")) or 224
    mean, deviation = (0.0, 1 / 255) if raw else (0.5, 0.5)
    if said and not said.get("do_normalize", True):
        mean, deviation = (0.0, 1.0) if said.get("do_rescale", True) else (0.0, 1 / 255)
        said = {}
    return {
        "scaled": max(found, side_of(said.get("size")) if said.get("do_center_crop") else 0),
        "side_px": found,
        "mean": _colours(said.get("image_mean", mean), channels),
        "deviation": _colours(said.get("image_std", deviation), channels),
    }


def places(found: Tensor, column: Column) -> Encoded:
    """Wrap a picture's tokens, [batch time features], or its summary as the only one."""
    if found.ndim == 2:
        return one_token(found, column)
    mask = torch.ones(found.shape[:2], dtype=torch.bool, device=found.device)
    return as_encoded(found, mask, column)


def side_of(size: Any) -> int:
    """Read a side, px, in any of the forms that files write it; 0 where there is none."""
    if isinstance(size, Mapping):
        return int(size.get("height") or size.get("shortest_edge") or 0)
    return int(size or 0)


def _colours(value: Any, channels: int) -> list[float]:
    values = [float(x) for x in value] if isinstance(value, list | tuple) else [float(value)]
    return values if len(values) == channels else [sum(values) / len(values)] * channels
