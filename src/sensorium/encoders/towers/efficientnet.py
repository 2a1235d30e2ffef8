"""EfficientNet-Lite (Tan & Le 2019; the "lite" form of its authors): pictures on small machines.

Inverted bottlenecks (MBConv) without squeeze-excitation, with ReLU6, and with the widths of stem
and head fixed. The published weights were trained with padding that lies more to the right and
below ("same" of TensorFlow) where a convolution halves the side.

Legend: batch = rows, channels = features of a place, high and wide = places, side = px.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.errors import PartError, all_at_once
from sensorium.core.schema import Field
from sensorium.encoders.encoder import as_encoded
from sensorium.encoders.pixels import grid_tokens
from sensorium.encoders.towers.framing import Framing
from sensorium.encoders.towers.source import CONFIG, read_json
from sensorium.encoders.towers.starter import STARTERS, check_digest
from sensorium.encoders.towers.tower import Tower
from sensorium.nn.norm import BatchNorm

LITE0: dict[str, Any] = {
    "model_type": "efficientnet-lite0",
    "stem": 32,
    "stages": [
        [1, 3, 1, 1, 16],
        [2, 3, 2, 6, 24],
        [2, 5, 2, 6, 40],
        [3, 3, 2, 6, 80],
        [3, 5, 1, 6, 112],
        [4, 5, 2, 6, 192],
        [1, 3, 1, 6, 320],
    ],
    "head": 1280,
    "side": 224,
}
"""Each stage: how many blocks, kernel, stride of the first, how much wider inside, channels out."""
PUBLISHED = STARTERS["efficientnet-lite0"]
WEIGHTS = "model.safetensors"
NAMES = (
    ("_conv_stem.", "stem.conv."),
    ("_conv_head.", "head.conv."),
    ("_blocks.", "blocks."),
    ("._expand_conv.", ".expand.conv."),
    ("._depthwise_conv.", ".depth.conv."),
    ("._project_conv.", ".project.conv."),
    ("._bn0.", ".expand.norm."),
    ("._bn1.", ".depth.norm."),
    ("._bn2.", ".project.norm."),
    ("_bn0.", "stem.norm."),
    ("_bn1.", "head.norm."),
)
"""Beginnings and middles of names as published, and as they are here; the first that fits."""
UNUSED = ("_fc.", "num_batches_tracked")


class EfficientNetTower(Tower):
    """An EfficientNet-Lite: a grid of places, summed up by its mean.

    One that was trained further can be shared as a folder: ``tower.network.state_dict()`` as
    ``model.safetensors``, and a ``config.json`` that holds ``tower.state()["config"]``.
    """

    kind: ClassVar[str] = "image"

    def __init__(self, known: Mapping[str, Any]) -> None:
        super().__init__()
        config = {**LITE0, **known["config"]}
        self.known = {"config": config}
        self.network = EfficientNet(config["stem"], config["stages"], config["head"])
        self.features = self.summed = int(config["head"])
        side, even = int(config["side"]), [0.5] * 3
        self.framing = Framing({"scaled": side, "side_px": side, "mean": even, "deviation": even})

    @classmethod
    def open(cls, folder: Path) -> "EfficientNetTower":
        """Read a folder: the published weights, or ``config.json`` and ``model.safetensors``.

        Errors:
            PartError: the weights are others than were published, or do not fit the config.
        """
        tower = cls({"config": read_json(folder, CONFIG)})
        published, own = folder / PUBLISHED.file, folder / WEIGHTS
        if own.is_file():
            weights = load_file(own)
        elif published.is_file():
            check_digest(published, PUBLISHED.sha256)
            weights = renamed(torch.load(published, map_location="cpu", weights_only=True))
        else:
            msg = f"{folder} holds neither {WEIGHTS} nor {PUBLISHED.file}"
            raise PartError(msg)
        try:
            tower.network.load_state_dict(weights)
        except RuntimeError as error:
            faults = str(error).splitlines()[1:5]
            msg = all_at_once(f"the weights in {folder} do not fit its {CONFIG}:", faults)
            raise PartError(msg) from error
        return tower.eval()

    @classmethod
    def remade(cls, known: Mapping[str, Any]) -> "EfficientNetTower":
        """Make it again from its state, without weights."""
        return cls(known).eval()

    def state(self) -> Mapping[str, Any]:
        """Give the table of stages."""
        return self.known

    def tokens(self, column: Column) -> Encoded:
        """Give the places of the last grid, row by row: 7 x 7 of a picture of 224 px."""
        tokens = grid_tokens(self.network(self.framing(column.values)))
        mask = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        return as_encoded(tokens, mask, column)

    def summary(self, column: Column) -> Float[Tensor, " batch summed"]:
        """Average the places, as its classifier did."""
        grid: Tensor = self.network(self.framing(column.values))
        return grid.mean((2, 3))

    def blocks(self) -> Sequence[nn.Module]:
        """List the bottlenecks."""
        return list(self.network.blocks)

    def suited(self, field: Field) -> Field:
        """Take the side that it was trained on, px, in three colours."""
        return self.framing.suited(field)

    def check(self, layout: Layout) -> None:
        """Accept any picture: one of another side is scaled."""


class EfficientNet(nn.Module):
    """The network without its classifier.

    Args:
        stem: channels of the first convolution.
        stages: the table, as ``LITE0`` has it.
        head: channels of the last convolution.
    """

    def __init__(self, stem: int, stages: Sequence[Sequence[int]], head: int) -> None:
        super().__init__()
        self.stem = ConvNorm(3, stem, kernel=3, stride=2)
        self.blocks = nn.ModuleList()
        channels = stem
        for count, kernel, stride, wider, out in stages:
            for number in range(count):
                step = 1 if number else stride
                self.blocks.append(MBConv(channels, out, kernel, step, wider))
                channels = out
        self.head = ConvNorm(channels, head)

    def forward(
        self, x: Float[Tensor, " batch 3 side side"]
    ) -> Float[Tensor, " batch head high wide"]:
        """Compute the last grid."""
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        found: Tensor = self.head(x)
        return found


class MBConv(nn.Module):
    """Widen, look around in each channel by itself, narrow (Sandler et al. 2018).

    Args:
        channels: features in.
        out: features out; where they equal those in and the side stays, the input passes around.
        kernel: places that a convolution sees; odd.
        stride: how much coarser the places become.
        wider: how many times more features there are inside.
    """

    def __init__(self, channels: int, out: int, kernel: int, stride: int, wider: int) -> None:
        super().__init__()
        inner = channels * wider
        self.expand = ConvNorm(channels, inner) if wider > 1 else nn.Identity()
        self.depth = ConvNorm(inner, inner, kernel, stride, groups=inner)
        self.project = ConvNorm(inner, out, active=False)
        self.passes = stride == 1 and channels == out

    def forward(
        self, x: Float[Tensor, " batch channels high wide"]
    ) -> Float[Tensor, " batch out newhigh newwide"]:
        """Compute the block."""
        y: Tensor = self.project(self.depth(self.expand(x)))
        return x + y if self.passes else y


class ConvNorm(nn.Module):
    """Convolution, norm and ReLU6, with TensorFlow's padding."""

    def __init__(
        self,
        channels: int,
        out: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        *,
        active: bool = True,
    ) -> None:
        super().__init__()
        padding = kernel // 2 if stride == 1 else 0
        self.conv = nn.Conv2d(channels, out, kernel, stride, padding, groups=groups, bias=False)
        self.norm = BatchNorm(out, momentum=0.01, eps=1e-3)
        self.active = active

    def forward(
        self, x: Float[Tensor, " batch channels high wide"]
    ) -> Float[Tensor, " batch out newhigh newwide"]:
        """Compute it; the side becomes side / stride, rounded up."""
        kernel, stride = self.conv.kernel_size[0], self.conv.stride[0]
        x = same_padded(x, kernel, stride) if stride > 1 else x
        y: Tensor = self.norm(self.conv(x))
        return F.relu6(y) if self.active else y


def same_padded(
    x: Float[Tensor, " batch channels high wide"], kernel: int, stride: int
) -> Float[Tensor, " batch channels newhigh newwide"]:
    """Pad with zeros so that a convolution gives side / stride places, rounded up.

    What cannot be split evenly lies to the right and below, as TensorFlow does it.
    """
    pads: list[int] = []
    for size in (x.shape[-1], x.shape[-2]):
        lack = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        pads += [lack // 2, lack - lack // 2]
    return F.pad(x, pads)


def renamed(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give published weights the names that they have here, and leave the classifier out."""
    found = {}
    for name, value in weights.items():
        if name.startswith(UNUSED) or name.endswith(UNUSED):
            continue
        own = name
        for old, new in NAMES:
            fits = own.startswith(old) if not old.startswith(".") else old in own
            own = own.replace(old, new, 1) if fits else own
        found[own] = value
    return found
