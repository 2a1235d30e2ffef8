"""Small blocks of tensors: attention, networks, norms, masks. No modality is known here."""

from sensorium.nn.attention import Attention, Block, Transformer, attend
from sensorium.nn.masks import masked_max, masked_mean
from sensorium.nn.mlp import MLP
from sensorium.nn.norm import BatchNorm
from sensorium.nn.patches import Patches, patch_mask, shorten
from sensorium.nn.positions import Learned, Sinusoidal, sinusoids
from sensorium.nn.recurrent import Recurrent, reverse
from sensorium.nn.residual import Residual1d, Residual2d

__all__ = [
    "MLP",
    "Attention",
    "BatchNorm",
    "Block",
    "Learned",
    "Patches",
    "Recurrent",
    "Residual1d",
    "Residual2d",
    "Sinusoidal",
    "Transformer",
    "attend",
    "masked_max",
    "masked_mean",
    "patch_mask",
    "reverse",
    "shorten",
    "sinusoids",
]
