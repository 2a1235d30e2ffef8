"""Signals of the same time, added step by step before a shared trunk of convolutions."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from sensorium.core.batch import Encoded, Fused
from sensorium.core.errors import PartError
from sensorium.fusion.fusion import Fusion, as_fused
from sensorium.nn.dilated import Dilated


class Temporal(Fusion):
    """Read signals as one, as if their channels stood side by side; for ``encoders.Stem``.

    A second trunk reads each column by itself, which is what that column says alone. Answers are
    the average of both trunks', and the second one's where the other columns are missing. A
    shorter column (one of a lower rate) is stretched to the longest of its row: they begin and
    end together.
    """

    def __init__(self, width: int, depth: int = 3, kernel: int = 5, dropout: float = 0.1) -> None:
        """Choose the sizes.

        Args:
            width: the common width.
            depth: residual blocks; before and after each of them time is halved.
            kernel: steps that a convolution sees; odd.
            dropout: share of features dropped while training.

        Errors:
            PartError: an even kernel, which has no step in its middle.
        """
        super().__init__(width)
        self.depth = depth
        self.kernel = kernel
        self.dropout = dropout
        if kernel % 2 == 0:
            msg = f"Temporal needs an odd kernel, found {kernel}; a step stands in its middle"
            raise PartError(msg)

    def build(self, parts: int) -> None:  # noqa: ARG002 - two trunks, however many columns
        """Make a trunk for all together, and one that every column goes through alone."""
        self.trunk, self.apart = self._trunk(), self._trunk()

    def fuse(self, encoded: Sequence[Encoded]) -> Fused:
        """Add the columns and run the trunks, over the sum and over each."""
        aligned = together(encoded)
        present = torch.stack([e.present for e in encoded], 1)
        counts = present | ~present.any(1, keepdim=True)
        masks = torch.stack([mask for _, mask in aligned]) & counts.T.unsqueeze(-1)
        steps = torch.stack([tokens for tokens, _ in aligned]) * masks.unsqueeze(-1)
        joint = _averaged(self.trunk, steps.sum(0), masks.any(0))
        alone = _averaged(self.apart, steps.flatten(0, 1), masks.flatten(0, 1)).chunk(len(encoded))
        parts = dict(zip(self.names, alone, strict=True))
        return replace(as_fused(joint, encoded), parts=parts, voted=True)

    def _trunk(self) -> Dilated:
        halved, near = [2] * (self.depth + 1), [1] * self.depth
        return Dilated(self.width, self.width, self.width, halved, near, self.kernel, self.dropout)


def together(
    encoded: Sequence[Encoded],
) -> list[tuple[Float[Tensor, " batch time width"], Bool[Tensor, " batch time"]]]:
    """Stretch the columns of each row to its longest, by linear interpolation.

    A column ends at its last real step. Columns of one rate are left as they are.
    """
    ends = [_end(e) for e in encoded]
    longest = torch.stack(ends).amax(0)
    one_length = len({e.mask.shape for e in encoded}) == 1
    if one_length and all(torch.equal(end, longest) for end in ends):
        return [(e.tokens * e.mask.unsqueeze(-1), e.mask) for e in encoded]
    return [_stretched(e, end, longest) for e, end in zip(encoded, ends, strict=True)]


def _end(encoded: Encoded) -> Int64[Tensor, " batch"]:
    steps = torch.arange(1, encoded.mask.shape[1] + 1, device=encoded.mask.device)
    return (encoded.mask * steps).amax(1).clamp(min=1)


def _stretched(
    encoded: Encoded, end: Int64[Tensor, " batch"], longest: Int64[Tensor, " batch"]
) -> tuple[Tensor, Tensor]:
    tokens = encoded.tokens * encoded.mask.unsqueeze(-1)
    steps = torch.arange(int(longest.max()), device=end.device)
    last = (end - 1).unsqueeze(1)
    place = steps * last / (longest - 1).clamp(min=1).unsqueeze(1)
    below = place.long().minimum(last)
    above = (below + 1).minimum(last)
    share = (place - below).clamp(0, 1).unsqueeze(-1).to(tokens.dtype)
    before, behind = (
        tokens.gather(1, at.unsqueeze(-1).expand(-1, -1, tokens.shape[2])) for at in (below, above)
    )
    mask = encoded.mask.gather(1, below) & (steps < longest.unsqueeze(1))
    return torch.lerp(before, behind, share) * mask.unsqueeze(-1), mask


def _averaged(trunk: Dilated, tokens: Tensor, mask: Tensor) -> Float[Tensor, " batch width"]:
    steps = tokens.transpose(1, 2)
    found, mask = trunk(steps, steps, mask)
    weight = mask.to(found.dtype).unsqueeze(-1)
    vectors: Tensor = (found * weight).sum(1) / weight.sum(1).clamp(min=1)
    return vectors
