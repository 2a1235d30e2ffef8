"""Tasks that bring columns into one space: Align, so that anything is found by anything."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from sensorium.align import Contrastive, Side, Sigmoid, many
from sensorium.core.batch import Batch, Column, Features, Fused
from sensorium.core.errors import PartError, all_at_once, nearest
from sensorium.preprocess.step import Step
from sensorium.tasks.classes import below_zero
from sensorium.tasks.task import Task


class Align(Task):
    """Bring two or more input columns into one space, where cells of one row lie close.

    Each column's own vector, the average of its encoder's tokens, is compared by its cosine with
    those of the other columns. Rows that lack one of a pair are left out of that pair, and equal
    cells of several rows (five captions of one picture) are never each other's negatives.

    Args:
        columns: the input columns.
        kind: ``"softmax"`` (each cell picks its partner out of the batch; Radford et al. 2021) or
            ``"sigmoid"`` (each pair is judged by itself; Zhai et al. 2023).
        anchor: the column to which all others are tied (Girdhar et al. 2023); None ties all pairs.
        hard: how much more the harder negatives count (Robinson et al. 2021); softmax only.
        scale: the inverse temperature at first; None takes what is usual for the loss.
        bias: the sigmoid's bias at first; None takes what is usual.

    Errors:
        PartError: fewer than two columns, or options that cannot be; in ``setup``, a column that
            is no input.
    """

    def __init__(
        self,
        *columns: str,
        kind: Literal["softmax", "sigmoid"] = "softmax",
        anchor: str | None = None,
        hard: float = 0.0,
        scale: float | None = None,
        bias: float | None = None,
    ) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.kind = kind
        self.anchor = anchor
        self.hard = hard
        self.scale = scale
        self.bias = bias
        self.heads = {}
        faults = below_zero({"hard": hard})
        if len(set(columns)) < 2:
            faults.append(f"at least two columns are needed, found {list(columns)}")
        if kind not in ("softmax", "sigmoid"):
            faults.append(f"kind is 'softmax' or 'sigmoid', found {kind!r}")
        if anchor is not None and anchor not in columns:
            faults.append(f"the anchor {anchor!r} is no column{nearest(anchor, columns)}")
        if bias is not None and kind != "sigmoid":
            faults.append("bias goes with the sigmoid loss only")
        if hard and kind == "sigmoid":
            faults.append("hard goes with the softmax loss only")
        if faults:
            raise PartError(all_at_once(f"Align{columns} cannot be:", faults))

    def setup(self, width: int, names: Sequence[str], steps: Mapping[str, Step]) -> None:  # noqa: ARG002
        """Make the temperature, which all pairs share."""
        lost = [f"{name!r}{nearest(name, names)}" for name in self.columns if name not in names]
        if lost:
            raise PartError(all_at_once("Align names columns that are no inputs:", lost))
        given = {"scale": self.scale, "bias": self.bias if self.kind == "sigmoid" else None}
        known = {name: value for name, value in given.items() if value is not None}
        self.judge: Sigmoid | Contrastive = (
            Sigmoid(**known) if self.kind == "sigmoid" else Contrastive(self.hard, **known)
        )

    def logits(self, cosines: Float[Tensor, " *any"]) -> Float[Tensor, " *any"]:
        """Scale cosines as the loss does: by the learned temperature, and bias."""
        if isinstance(self.judge, Sigmoid):
            scaled: Tensor = cosines * self.judge.log_scale.exp() + self.judge.offset
        else:
            scaled = cosines * self.judge.temperature().exp()
        return scaled

    def forward(self, fused: Fused, batch: Batch) -> Features:  # noqa: ARG002
        """Give each column's own vector, of length 1, as its output."""
        # The loss's own weights are tied to the outputs by 0: a model wrapped for many processes
        # takes weights that its outputs do not reach for unused, and refuses their gradients.
        tie = 0.0 * torch.stack([weight.sum() for weight in self.judge.parameters()]).sum()
        return Features(fused, {n: F.normalize(fused.parts[n], dim=-1) + tie for n in self.columns})

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Give the loss of each pair, ``"photo~caption"``."""
        return self.compare(features.outputs, batch)

    def compare(
        self, vectors: Mapping[str, Float[Tensor, " batch width"]], batch: Batch
    ) -> dict[str, Tensor]:
        """Give the loss of vectors that belong to the rows of a batch."""
        sides = {
            name: Side(vectors[name], batch.columns[name].present, _identity(batch.columns[name]))
            for name in self.columns
        }
        return many(sides, self.judge, self.anchor)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The pairs of columns that are compared."""
        if self.anchor is None:
            return tuple(combinations(self.columns, 2))
        return tuple((self.anchor, name) for name in self.columns if name != self.anchor)

    def predict(self, features: Features) -> list[Any]:
        """Tell how well each row's own cells fit each other: their cosine, None where one lacks.

        With more than two columns, a dict by pair.
        """
        found = {f"{left}~{right}": _cosines(features, left, right) for left, right in self.pairs}
        if len(found) == 1:
            return next(iter(found.values()))
        return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]


def _cosines(features: Features, left: str, right: str) -> list[float | None]:
    there = (features.fused.present[left] & features.fused.present[right]).tolist()
    near = (features.outputs[left] * features.outputs[right]).sum(1).tolist()
    return [value if both else None for value, both in zip(near, there, strict=True)]


def _identity(column: Column) -> Int64[Tensor, " batch"]:
    """Tell equal cells by number: as the table was read, or by their values."""
    if column.identity is not None:
        return column.identity
    rows = column.values.reshape(len(column.values), -1)
    numbers: Tensor = torch.unique(rows, dim=0, return_inverse=True)[1]
    return numbers
