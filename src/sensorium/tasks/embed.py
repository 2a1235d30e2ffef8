"""Tasks that bring columns into one space: Align, so that anything is found by anything."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from sensorium.align import Contrastive, Side, Sigmoid, many, similarity_distil
from sensorium.core.batch import Batch, Column, Features, Fused
from sensorium.core.errors import PartError, all_at_once, nearest
from sensorium.core.schema import Vector
from sensorium.preprocess.step import Step
from sensorium.preprocess.vector import VectorStep
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
        teacher: for columns, the names of further columns that hold a teacher's vectors of their
            cells: another model's, computed once a row. Where both of a pair have one, how alike
            the teacher finds the rows of a batch is learned too (Wu et al. 2023); a row without
            such vectors counts for the pairs only. They are not needed afterwards.

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
        teacher: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.kind = kind
        self.anchor = anchor
        self.hard = hard
        self.scale = scale
        self.bias = bias
        self.teacher = teacher
        self.targets = tuple((teacher or {}).values())
        self.wanted = dict.fromkeys(self.targets, Vector)
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
        faults += _teacher_faults(columns, self.pairs, teacher or {})
        if faults:
            raise PartError(all_at_once(f"Align{columns} cannot be:", faults))

    def setup(self, width: int, names: Sequence[str], steps: Mapping[str, Step]) -> None:  # noqa: ARG002
        """Make the temperature, which all pairs share."""
        lost = [f"{name!r}{nearest(name, names)}" for name in self.columns if name not in names]
        if lost:
            raise PartError(all_at_once("Align names columns that are no inputs:", lost))
        for number, name in enumerate(self.targets):
            step = steps.get(name)
            if not isinstance(step, VectorStep):
                kind = "no target" if step is None else f"of kind {step.kind!r}"
                msg = f"the teacher's column {name!r} is {kind}: let it be a target, sm.Vector()"
                raise PartError(msg)
            scaling = (step.scaling.mean, step.scaling.deviation)
            kept = torch.from_numpy(np.stack(scaling)).float()  # what the column was scaled by
            self.register_buffer(f"scaling{number}", kept, persistent=False)
        self._demand_alike(steps)
        given = {"scale": self.scale, "bias": self.bias if self.kind == "sigmoid" else None}
        known = {name: value for name, value in given.items() if value is not None}
        self.judge: Sigmoid | Contrastive = (
            Sigmoid(**known) if self.kind == "sigmoid" else Contrastive(self.hard, **known)
        )

    def _demand_alike(self, steps: Mapping[str, Step]) -> None:
        """See that the teacher's vectors of a pair can be compared.

        Errors:
            PartError: they have unequal widths.
        """
        teacher = self.teacher or {}
        for pair in self.pairs:
            names = [teacher[name] for name in pair if name in teacher]
            widths = [steps[name].layout.channels for name in names]
            if len(set(widths)) > 1:
                msg = (
                    f"the teacher's columns {names[0]!r} and {names[1]!r} hold vectors of "
                    f"{widths[0]} and {widths[1]} numbers, which cannot be compared: let one "
                    "model make both"
                )
                raise PartError(msg)

    def logits(self, cosines: Float[Tensor, " *any"]) -> Float[Tensor, " *any"]:
        """Scale cosines as the loss does: by the learned temperature, and bias."""
        scaled: Tensor = cosines * self._log_scale().exp()
        return scaled + self.judge.offset if isinstance(self.judge, Sigmoid) else scaled

    def _log_scale(self) -> Float[Tensor, ""]:
        """Give the logarithm of the learned inverse temperature."""
        judge = self.judge
        scale: Tensor = judge.log_scale if isinstance(judge, Sigmoid) else judge.temperature()
        return scale

    def forward(self, fused: Fused, batch: Batch) -> Features:  # noqa: ARG002
        """Give each column's own vector, of length 1, as its output."""
        # The loss's own weights are tied to the outputs by 0: a model wrapped for many processes
        # takes weights that its outputs do not reach for unused, and refuses their gradients.
        tie = 0.0 * torch.stack([weight.sum() for weight in self.judge.parameters()]).sum()
        return Features(fused, {n: F.normalize(fused.parts[n], dim=-1) + tie for n in self.columns})

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Give the loss of each pair, ``"photo~caption"``, and ``"photo~caption teacher"``."""
        return self.compare(features.outputs, batch)

    def compare(
        self, vectors: Mapping[str, Float[Tensor, " batch width"]], batch: Batch
    ) -> dict[str, Tensor]:
        """Give the loss of vectors that belong to the rows of a batch."""
        sides = {
            name: Side(vectors[name], batch.columns[name].present, _identity(batch.columns[name]))
            for name in self.columns
        }
        return many(sides, self.judge, self.anchor) | self._taught(vectors, batch)

    def _taught(
        self, vectors: Mapping[str, Float[Tensor, " batch width"]], batch: Batch
    ) -> dict[str, Tensor]:
        """Give the loss of each pair that the teacher knows; both are read at one temperature."""
        teacher, found = self.teacher or {}, {}
        for pair in self.pairs:
            if not set(pair) <= set(teacher):
                continue
            columns = [batch.columns[name] for name in (*pair, *(teacher[name] for name in pair))]
            there = torch.stack([column.present for column in columns]).all(0)
            left, right = (vectors[name][there] for name in pair)
            taught_left, taught_right = (
                self._unscaled(teacher[name], batch)[there] for name in pair
            )
            scale = self._log_scale()
            found[f"{pair[0]}~{pair[1]} teacher"] = similarity_distil(
                left, right, taught_left, taught_right, scale, scale.detach()
            )
        return found

    def _unscaled(self, name: str, batch: Batch) -> Float[Tensor, " batch teacher"]:
        """Give the teacher's vectors as they stand in the table."""
        mean, deviation = self.get_buffer(f"scaling{self.targets.index(name)}")
        vectors: Tensor = batch.columns[name].values * deviation + mean
        return vectors

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


def _teacher_faults(
    columns: Sequence[str], pairs: Sequence[tuple[str, str]], teacher: Mapping[str, str]
) -> list[str]:
    faults = [
        f"the teacher knows {name!r}, which is no column{nearest(name, columns)}"
        for name in teacher
        if name not in columns
    ]
    if teacher and not faults and not any(set(pair) <= set(teacher) for pair in pairs):
        faults.append(f"a teacher needs both columns of a pair, found {dict(teacher)}")
    if len({*columns, *teacher.values()}) < len(set(columns)) + len(teacher):
        faults.append(f"each teacher's vectors need a column of their own, found {dict(teacher)}")
    return faults


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
