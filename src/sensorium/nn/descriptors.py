"""Pictures by what needs no learning: their colours, the way their outlines run, their textures.

A convolution network learns such features from thousands of pictures; of a few hundred it learns
too little (docs/decisions/0007).

Legend: batch = rows, pixels from 0 to 255.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

Pictures = UInt8[Tensor, " batch channels high wide"] | Float[Tensor, " batch channels high wide"]

BINS = 4
"""Ranges of one colour channel."""
WAYS = 8
"""Ranges of the direction in which brightness rises."""
CELLS = 8
"""Outlines are counted in so many cells a side."""
FAINT = 0.5
"""An outline of this strength a cell counts half."""
STEP = 3.0
"""A neighbour that is brighter by no more than so many of 255 is as bright."""
SHARES = (1.0, 0.1, 1.0)
"""How much colours, outlines and textures count: each then has a length of about 1."""
GAIN = 20.0
"""Brings joined descriptors, of small numbers, to where a network learns from them quickly."""
AROUND = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))


def colours(x: Pictures) -> Float[Tensor, " batch bins"]:
    """Give the root of the share of pixels in each range of all channels together.

    Swain and Ballard 1991; roots make lengths comparable (Hellinger).
    """
    ranges = (x.float() * (BINS / 256)).long().clamp(0, BINS - 1)
    powers = BINS ** torch.arange(x.shape[1], device=x.device)
    places = (ranges * powers.view(-1, 1, 1)).sum(1).flatten(1)
    return _shares(places, BINS ** x.shape[1]).sqrt()


def outlines(x: Pictures) -> Float[Tensor, " batch cells"]:
    """Give how strongly brightness rises in each direction, cell by cell.

    Dalal and Triggs 2005, each cell brought to a length by itself.
    """
    grey = x.float().mean(1) / 255
    down = F.pad((grey[:, 2:] - grey[:, :-2]) / 2, (0, 0, 1, 1))
    right = F.pad((grey[:, :, 2:] - grey[:, :, :-2]) / 2, (1, 1))
    turn = (torch.atan2(down, right) / math.pi + 1) / 2  # 0 to 1, once around
    way = (turn * WAYS).long().clamp(0, WAYS - 1).unsqueeze(1)
    rising = grey.new_zeros(len(x), WAYS, *grey.shape[1:])
    rising.scatter_(1, way, torch.hypot(down, right).unsqueeze(1))
    pixels = grey.shape[1:].numel() / CELLS**2
    cells = F.adaptive_avg_pool2d(rising, CELLS) * pixels
    length = cells.square().sum(1, keepdim=True).sqrt()
    return (cells / (length + FAINT)).flatten(1)


def textures(x: Pictures) -> Float[Tensor, " batch patterns"]:
    """Give the root of the share of pixels by which of their eight neighbours are brighter.

    Ojala et al. 2002.
    """
    grey = F.pad(x.float().mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate").squeeze(1)
    high, wide = x.shape[2:]
    middle = grey[:, 1:-1, 1:-1]
    pattern = torch.zeros_like(middle, dtype=torch.long)
    for bit, (row, column) in enumerate(AROUND):
        near = grey[:, row : row + high, column : column + wide]
        pattern += (near - middle > STEP).long() << bit
    return _shares(pattern.flatten(1), 2 ** len(AROUND)).sqrt()


def _shares(places: Tensor, count: int) -> Tensor:
    """Count how often each of so many numbers occurs in a row, as a share of 1."""
    found = torch.zeros(len(places), count, device=places.device)
    return found.scatter_add_(1, places, torch.ones_like(places, dtype=found.dtype)).div_(
        places.shape[1]
    )


class Descriptors(nn.Module):
    """Colours, outlines and textures, brought to one width by a small network.

    Args:
        channels: of the pictures.
        width: width of what comes out.
        hidden: features between.
        dropout: share of hidden features dropped while training.
    """

    def __init__(self, channels: int, width: int, hidden: int = 256, dropout: float = 0.3) -> None:
        super().__init__()
        count = BINS**channels + WAYS * CELLS**2 + 2 ** len(AROUND)
        self.up = nn.Linear(count, hidden)
        self.act = nn.GELU()
        self.drop = nn.Dropout(dropout)
        self.down = nn.Linear(hidden, width)

    def forward(self, x: Pictures) -> Float[Tensor, " batch width"]:
        """Describe a batch of pictures."""
        with torch.no_grad():
            found = [make(x) * share for make, share in zip(DESCRIPTORS, SHARES, strict=True)]
            joined = GAIN * torch.cat(found, 1).to(self.up.weight.dtype)
        out: Tensor = self.down(self.drop(self.act(self.up(joined))))
        return out


DESCRIPTORS = (colours, outlines, textures)
