"""Sound by a Transformer over patches of its log-mel spectrogram: tokens over time."""

from typing import ClassVar

from torch import nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, as_encoded
from sensorium.encoders.hearing import Hearing
from sensorium.nn.attention import Transformer
from sensorium.nn.patches import Patches, patch_mask
from sensorium.nn.positions import Sinusoidal


class AudioTransformer(Encoder):
    """Patches of all bands and a few frames, as in keyword Transformers (Berg et al. 2021)."""

    kinds: ClassVar[frozenset[str]] = frozenset({"audio"})

    def __init__(
        self,
        width: int,
        depth: int = 4,
        heads: int = 4,
        dropout: float = 0.1,
        mels: int = 64,
        patch: int = 4,
        mask_share: float = 0.2,
        warp_share: float = 0.1,
    ) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            depth: how many blocks; 0 gives patches alone, the stem of an early fusion.
            heads: attention heads; they must divide ``width``.
            dropout: share of features dropped while training.
            mels: frequency bands.
            patch: frames a patch.
            mask_share: the widest band of time and of frequency hidden while training.
            warp_share: the most by which frequencies are stretched while training.
        """
        super().__init__(width)
        self.depth = depth
        self.heads = heads
        self.dropout = dropout
        self.mels = mels
        self.patch = patch
        self.mask_share = mask_share
        self.warp_share = warp_share

    def setup(self, layout: Layout) -> None:
        """Make the weights."""
        self.hear = Hearing(layout, self.mels, 0.0, self.mask_share, self.warp_share)
        self.patches = Patches(self.mels, self.width, self.patch)
        self.positions = Sinusoidal(self.width)
        self.drop = nn.Dropout(self.dropout)
        self.trunk = Transformer(self.width, self.depth, self.heads, self.dropout)

    def encode(self, column: Column) -> Encoded:
        """Encode sounds, Float[batch samples] from -1 to 1."""
        heard = self.hear(column)
        mask = patch_mask(heard.mask, self.patch)
        patches = self.patches(heard.mels.transpose(1, 2), heard.mask)
        tokens = self.trunk(self.drop(self.positions(patches)), mask)
        return as_encoded(tokens, mask, column)
