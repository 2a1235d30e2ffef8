"""What every task that ends in heads does: outputs, losses and answers, target by target."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sensorium.core.batch import Batch, Features, Fused
from sensorium.tasks.head import Head

JOINT = (1.0, 0.0, 0.5)
"""The share of the joint decision where columns vote: of rows with none, with one, with several."""


class Heads(nn.Module, Mapping[str, Head]):
    """The heads of a task by target.

    Args:
        heads: one head a target; a target's name may hold any character.
        names: the input columns, in the order in which the heads were made for them.
        auxiliary: weight of the loss of each part alone.
    """

    def __init__(self, heads: Mapping[str, Head], names: Sequence[str], auxiliary: float) -> None:
        super().__init__()
        self.targets = tuple(heads)
        self.names = tuple(names)
        self.auxiliary = auxiliary
        self.each = nn.ModuleList(heads.values())

    def __getitem__(self, target: str) -> Head:
        if target not in self.targets:
            raise KeyError(target)
        return cast(Head, self.each[self.targets.index(target)])

    def __iter__(self) -> Iterator[str]:
        return iter(self.targets)

    def __len__(self) -> int:
        return len(self.targets)

    __hash__ = nn.Module.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def forward(self, fused: Fused) -> Features:
        """Compute raw outputs, from the fusion and from each part alone."""
        parts = [fused.parts[name] for name in self.names]
        present = torch.stack([fused.present[name] for name in self.names], 1)
        outputs: dict[str, Tensor] = {}
        alone: dict[str, dict[str, Tensor]] = {name: {} for name in self.names}
        for target, head in self.items():
            each = head.alone(parts)
            for name, output in zip(self.names, each, strict=True):
                alone[name][target] = output
            outputs[target] = (
                head(fused.pooled)
                if fused.decide is None
                else head.together(fused.decide, torch.stack(each, 1), present)
            )
            if fused.voted and self.auxiliary:
                own = head.together(_average, torch.stack(each, 1), present)
                share = present.new_tensor(JOINT, dtype=own.dtype)[present.sum(1).clamp(max=2)]
                joint = outputs[target].to(own.dtype)  # autocast on CUDA gives sums 32 bits
                outputs[target] = torch.lerp(own, joint, share.unsqueeze(1))
        return Features(fused, outputs, alone)

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Give the loss of each target, ``"mood"``, and of each part alone, ``"mood/photo"``.

        A part alone learns only from rows that have it.
        """
        losses: dict[str, Tensor] = {}
        for target, head in self.items():
            column = batch.columns[target]
            losses[target] = head.loss(features.outputs[target], column)
            for name in self.names if self.auxiliary else ():
                has_it = features.fused.present[name]
                loss = head.loss(features.alone[name][target], column, has_it)
                losses[f"{target}/{name}"] = self.auxiliary * loss
        return losses

    def answers(self, features: Features) -> list[Any]:
        """Give one answer a row, or one dict of answers by target where there are several."""
        by_target = {
            target: head.answers(head.decide(features.outputs[target]))
            for target, head in self.items()
        }
        if len(by_target) == 1:
            return next(iter(by_target.values()))
        rows = zip(*by_target.values(), strict=True)
        return [dict(zip(by_target, row, strict=True)) for row in rows]


def _average(
    outputs: Float[Tensor, " batch parts outputs"],
    present: Bool[Tensor, " batch parts"],
    kind: str,  # noqa: ARG001  scores and values are averaged alike
) -> Float[Tensor, " batch outputs"]:
    """Average what the present parts say; of one part, that is what it says."""
    weight = present.to(outputs.dtype).unsqueeze(2)
    return (outputs * weight).sum(1) / weight.sum(1).clamp(min=1)
