"""``check_task`` catches tasks that break a promise, each by the promise's name."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sensorium.core.batch import Batch, Features, Fused
from sensorium.core.schema import Category
from sensorium.preprocess import Step, step_for
from sensorium.tasks import Classify
from sensorium.testing import ContractError, check_task

CELLS = ["glad", "calm", "cross", "glad", "calm", "cross"]
STEP = step_for(Category()).fit(CELLS)
STEPS, TARGETS = {"mood": STEP}, {"mood": STEP(CELLS)}


class Right(Classify):
    """Keeps every promise; the wrong ones differ from it in one thing."""

    def parts_of_loss(self, features: Features, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Give logits, true classes and presence."""
        column = batch.columns[self.target]
        return features.outputs[self.target], column.values[:, 0], column.present


class CountsAbsentTargets(Right):
    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        logits, truth, _ = self.parts_of_loss(features, batch)
        return {"mood": F.cross_entropy(logits, truth)}


class NotANumberWithoutTargets(Right):
    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        logits, truth, present = self.parts_of_loss(features, batch)
        return {"mood": F.cross_entropy(logits[present], truth[present])}


class WithoutAGraph(Right):
    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        if batch.columns[self.target].present.any():
            return super().loss(features, batch)
        return {"mood": torch.zeros(())}


class FailsWithoutTargets(Right):
    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        first = batch.columns[self.target].present.nonzero()[0]  # there may be none
        return {
            name: loss + 0 * first.sum() for name, loss in super().loss(features, batch).items()
        }


class OneLossARow(Right):
    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        logits, truth, _ = self.parts_of_loss(features, batch)
        return {"mood": F.cross_entropy(logits, truth, reduction="none")}


class DetachedLoss(Right):
    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        return {name: loss.detach() for name, loss in super().loss(features, batch).items()}


class Sums(Right):
    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        logits, truth, present = self.parts_of_loss(features, batch)
        return {"mood": F.cross_entropy(logits[present], truth[present], reduction="sum")}


class AveragesOverAllRows(Right):
    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        logits, truth, present = self.parts_of_loss(features, batch)
        return {"mood": (F.cross_entropy(logits, truth, reduction="none") * present).mean()}


class TeachesAbsentParts(Right):
    def forward(self, fused: Fused, batch: Batch) -> Features:
        there = {name: torch.ones_like(rows) for name, rows in fused.present.items()}
        return super().forward(replace(fused, present=there), batch)


class PeeksAtTheTarget(Right):
    def forward(self, fused: Fused, batch: Batch) -> Features:
        features = super().forward(fused, batch)
        column = batch.columns[self.target]
        hint = 9 * F.one_hot(column.values[:, 0], 3) * column.present[:, None]
        return replace(features, outputs={self.target: features.outputs[self.target] + hint})


class AnswersTooFew(Right):
    def predict(self, features: Features) -> list[Any]:
        return super().predict(features)[1:]


class PrefersTheFirstRows(Right):
    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        logits, truth, present = self.parts_of_loss(features, batch)
        each = F.cross_entropy(logits, truth, reduction="none") * present
        return {"mood": (each * torch.linspace(2, 0, len(each))).mean()}


class Unseeded(Right):
    def setup(self, width: int, names: Sequence[str], steps: Mapping[str, Step]) -> None:
        super().setup(width, names, steps)
        fresh = torch.Generator()
        fresh.seed()
        torch.nn.init.normal_(self.heads["mood"].joint.weight, generator=fresh)


class WrongSlope(Right):
    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        return {name: loss * loss.detach() for name, loss in super().loss(features, batch).items()}


class TeachesNothing(Right):
    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        return {name: 0 * loss for name, loss in super().loss(features, batch).items()}


class NoSuchScore(Right):
    def setup(self, width: int, names: Sequence[str], steps: Mapping[str, Step]) -> None:
        super().setup(width, names, steps)
        self.heads["mood"].primary = "acuracy"


class ForgetsItsKeyword(Right):
    def __init__(self, target: str, power: float = 2.0) -> None:
        super().__init__(target)
        self.exponent = power


class KeepsARandomSecret(Right):
    def setup(self, width: int, names: Sequence[str], steps: Mapping[str, Step]) -> None:
        super().setup(width, names, steps)
        self.secret = torch.randn(3)

    def forward(self, fused: Fused, batch: Batch) -> Features:
        features = super().forward(fused, batch)
        outputs = features.outputs[self.target] + self.secret
        return replace(features, outputs={self.target: outputs})


WRONG = {
    OneLossARow: "losses",
    DetachedLoss: "losses",
    PeeksAtTheTarget: "answers",
    AnswersTooFew: "answers",
    NoSuchScore: "heads",
    Unseeded: "seed",
    PrefersTheFirstRows: "order",
    Sums: "average",
    CountsAbsentTargets: "absent targets",
    AveragesOverAllRows: "absent targets",
    NotANumberWithoutTargets: "no targets",
    FailsWithoutTargets: "no targets",
    WithoutAGraph: "no targets",
    TeachesAbsentParts: "absent parts",
    WrongSlope: "gradients",
    TeachesNothing: "learning",
    ForgetsItsKeyword: "saving",
    KeepsARandomSecret: "saving",
}


def test_a_task_that_keeps_its_promises_passes_in_a_new_process_too():
    check_task(lambda: Right("mood"), STEPS, TARGETS)


@pytest.mark.parametrize("part", WRONG, ids=lambda part: part.__name__)
def test_a_broken_promise_is_caught_and_named(part):
    with pytest.raises(ContractError) as caught:
        check_task(lambda: part("mood"), STEPS, TARGETS, new_process=False)
    assert caught.value.promise == WRONG[part]


def test_too_few_rows_cannot_tell_and_are_refused():
    few = {"mood": TARGETS["mood"].rows(torch.arange(3))}
    with pytest.raises(ContractError, match="4 or more"):
        check_task(lambda: Right("mood"), STEPS, few)
    with pytest.raises(ContractError, match="no step was given"):
        check_task(lambda: Right("mud"), STEPS, TARGETS)
