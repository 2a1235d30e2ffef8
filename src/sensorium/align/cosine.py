"""How alike two vectors are: the cosine that all alignments are built on.

Legend: left and right = rows of the two sides, width = features.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def unit(vectors: Float[Tensor, " *rows width"]) -> Float[Tensor, " *rows width"]:
    """Give vectors the length 1, in float32 at least; a vector of zeros stays one."""
    return F.normalize(vectors.to(torch.promote_types(vectors.dtype, torch.float32)), dim=-1)


def cosines(
    left: Float[Tensor, " *batch left width"], right: Float[Tensor, " *batch right width"]
) -> Float[Tensor, " *batch left right"]:
    """Compute the cosine of every left with every right, -1 to 1.

    In float32 at least, under autocast too: a scale of 100 would make the rounding of bfloat16
    larger than what the cosines differ by.
    """
    with torch.autocast(left.device.type, enabled=False):
        return unit(left) @ unit(right).mT


def logits(
    left: Float[Tensor, " left width"],
    right: Float[Tensor, " right width"],
    log_scale: Float[Tensor, ""] | float,
) -> Float[Tensor, " left right"]:
    """Divide the cosines by a temperature.

    Args:
        left: vectors of one side, of any length.
        right: vectors of the other.
        log_scale: the logarithm of the inverse temperature.
    """
    scale = log_scale.exp() if isinstance(log_scale, Tensor) else math.exp(log_scale)
    return cosines(left, right) * scale
