"""Small blocks of tensors: attention, networks, masks, positions. No modality is known here."""

from sensorium.nn.attention import Attention, Block, Transformer, attend
from sensorium.nn.masks import length_mask, masked_max, masked_mean, masked_softmax
from sensorium.nn.mlp import MLP
from sensorium.nn.positions import Learned, Sinusoidal, sinusoids

__all__ = [
    "MLP",
    "Attention",
    "Block",
    "Learned",
    "Sinusoidal",
    "Transformer",
    "attend",
    "length_mask",
    "masked_max",
    "masked_mean",
    "masked_softmax",
    "sinusoids",
]
