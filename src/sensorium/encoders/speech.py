"""Speech as tokens over time, fine enough to be written down: convolutions, then both directions.

A few convolutions over the log-mel spectrogram shorten time a little and frequency much; recurrent
layers then let each step hear what is before and behind it (Amodei et al. 2016). Each band's mean
over the clip is taken away first (Atal 1974).
"""

from typing import ClassVar

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.errors import PartError
from sensorium.encoders.encoder import Encoder, as_encoded
from sensorium.encoders.hearing import Hearing
from sensorium.nn.norm import BatchNorm
from sensorium.nn.recurrent import Recurrent
from sensorium.nn.residual import Residual2d

HOP = 0.010
"""From frame to frame, seconds."""


class Speech(Encoder):
    """Each token is a moment of 40 ms, as what surrounds it makes it sound."""

    kinds: ClassVar[frozenset[str]] = frozenset({"audio"})

    def __init__(
        self,
        width: int,
        depth: int = 2,
        channels: int = 32,
        step: int = 4,
        dropout: float = 0.2,
        mels: int = 40,
        mask_share: float = 0.1,
        warp_share: float = 0.1,
    ) -> None:
        """Choose the sizes.

        Args:
            width: the common width; half of it listens forward, half backward.
            depth: how many recurrent layers.
            channels: features of a place of the spectrogram.
            step: frames of 10 ms a token, 2 or 4: twice as many tokens write down faster speech.
            dropout: share of features dropped while training.
            mels: frequency bands.
            mask_share: the widest band of time and of frequency hidden while training.
            warp_share: the most by which frequencies are stretched while training.
        """
        super().__init__(width)
        self.depth = depth
        self.channels = channels
        self.step = step
        if step not in (2, 4):
            msg = f"Speech: step is 2 or 4 frames of 10 ms, found {step}"
            raise PartError(msg)
        self.dropout = dropout
        self.mels = mels
        self.mask_share = mask_share
        self.warp_share = warp_share

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        self.hear = Hearing(layout, self.mels, HOP, self.mask_share, self.warp_share)
        self.stem = nn.Conv2d(1, self.channels, 3, 2, 1, bias=False)
        self.norm = BatchNorm(self.channels)
        self.block = Residual2d(self.channels, self.channels, (2, self.step // 2))
        bands = (self.mels + 3) // 4  # halved twice, rounded up
        self.join = nn.Linear(self.channels * bands, self.width)
        self.even = nn.LayerNorm(self.width)
        self.drop = nn.Dropout(self.dropout)
        self.trunk = Recurrent("gru", self.width, self.depth, self.dropout)

    def encode(self, column: Column) -> Encoded:
        """Encode sounds, Float[batch samples] from -1 to 1."""
        heard = self.hear(column)
        mask = heard.mask[:, ::2]
        mels = evened(heard.mels, heard.mask)
        x = F.relu(self.norm(self.stem(mels.unsqueeze(1)), mask.unsqueeze(1)))
        mask = mask[:, :: self.step // 2]
        x = self.block(x, mask.unsqueeze(1))
        steps = self.even(self.join(x.flatten(1, 2).transpose(1, 2)))
        tokens = self.trunk(steps.masked_fill(~mask.unsqueeze(2), 0.0), mask)
        return as_encoded(self.drop(tokens), mask, column)


def evened(
    mels: Float[Tensor, " batch mels frames"], mask: Bool[Tensor, " batch frames"]
) -> Float[Tensor, " batch mels frames"]:
    """Subtract each band's own mean: what a voice, a room and a microphone add to all frames."""
    real = mask.unsqueeze(1).to(mels.dtype)
    means = (mels * real).sum(2, keepdim=True) / real.sum(2, keepdim=True).clamp(min=1)
    return (mels - means) * real
