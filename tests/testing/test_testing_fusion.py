"""``check_fusion`` catches fusions that break a promise, each by the promise's name."""

import pytest
import torch
from torch import Tensor, nn

from sensorium.core.batch import Encoded, Fused
from sensorium.fusion import Fusion, Late
from sensorium.fusion.fusion import as_fused, stacked
from sensorium.testing import ContractError, check_fusion


class Right(Fusion):
    """Keeps every promise; the wrong ones differ from it in one thing."""

    def build(self, parts: int) -> None:
        self.linear = nn.Linear(self.width, self.width)

    def fuse(self, encoded: list[Encoded]) -> Fused:
        vectors, _ = stacked(encoded)
        return as_fused(self.linear(vectors.sum(1)), encoded)


class Wide(Right):
    def fuse(self, encoded: list[Encoded]) -> Fused:
        fused = super().fuse(encoded)
        pooled, tokens = (torch.cat([x, x], -1) for x in (fused.pooled, fused.tokens))
        return Fused(pooled, tokens, fused.mask)


class LosesTokens(Right):
    def fuse(self, encoded: list[Encoded]) -> Fused:
        fused = super().fuse(encoded)
        return Fused(fused.pooled, fused.tokens, fused.mask & False)


class DividesByThePresent(Right):
    def fuse(self, encoded: list[Encoded]) -> Fused:
        fused = super().fuse(encoded)
        count = torch.stack([e.present for e in encoded]).sum(0).unsqueeze(1)
        return Fused(fused.pooled / count, fused.tokens, fused.mask)


class ChangesItsInput(Right):
    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        for e in encoded.values():
            e.tokens.data.mul_(2)
        return super().forward(encoded)


class TakesColumnsAsTheyCome(Right):
    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        fused = super().forward(encoded)
        first = next(iter(encoded.values())).tokens[:, 0].nan_to_num()
        return Fused(fused.pooled + first, fused.tokens, fused.mask, fused.parts, fused.present)


class SilentWhenAColumnIsMissing(Right):
    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        spare = next(iter(encoded.values()))
        return super().forward({name: encoded.get(name, spare) for name in self.names})


class Unseeded(Right):
    def build(self, parts: int) -> None:
        super().build(parts)
        fresh = torch.Generator()
        fresh.seed()
        nn.init.normal_(self.linear.weight, generator=fresh)


class RestlessInEval(Right):
    def fuse(self, encoded: list[Encoded]) -> Fused:
        fused = super().fuse(encoded)
        return Fused(nn.functional.dropout(fused.pooled, 0.5), fused.tokens, fused.mask)


class LooksAtNeighbours(Right):
    def fuse(self, encoded: list[Encoded]) -> Fused:
        fused = super().fuse(encoded)
        return Fused(fused.pooled - fused.pooled.mean(0), fused.tokens, fused.mask)


class PoolsPadding(Right):
    def fuse(self, encoded: list[Encoded]) -> Fused:
        total = sum(e.tokens.mean(1) for e in encoded)
        return as_fused(self.linear(total), encoded)


class ReadsAbsentCells(Right):
    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        fused = super().forward(encoded)
        peeked = sum(e.tokens.nan_to_num()[:, 0, 0] * ~e.present for e in encoded.values())
        pooled = fused.pooled + 1e-3 * peeked[:, None]
        return Fused(pooled, fused.tokens, fused.mask, fused.parts, fused.present)


class LetsAbsentColumnsDecide(Late):
    def decide(self, outputs: Tensor, present: Tensor, kind: str) -> Tensor:
        return outputs.mean(1)


class DeafToOneColumn(Right):
    def fuse(self, encoded: list[Encoded]) -> Fused:
        vectors, _ = stacked(encoded)
        return as_fused(self.linear(vectors[:, 0]), encoded)


class Detached(Right):
    def fuse(self, encoded: list[Encoded]) -> Fused:
        fused = super().fuse(encoded)
        return Fused(fused.pooled * fused.pooled.detach(), fused.tokens, fused.mask)


class HasAnIdleWeight(Right):
    def build(self, parts: int) -> None:
        super().build(parts)
        self.spare = nn.Linear(2, 2)


class OverflowsWhileTraining(Right):
    def fuse(self, encoded: list[Encoded]) -> Fused:
        fused = super().fuse(encoded)
        factor = float("inf") if self.training and len(fused.pooled) == 1 else 1.0
        return Fused(fused.pooled * factor, fused.tokens, fused.mask)


class CannotLearnFromOneRow(Right):
    def build(self, parts: int) -> None:
        super().build(parts)
        self.norm = nn.BatchNorm1d(self.width)

    def fuse(self, encoded: list[Encoded]) -> Fused:
        fused = super().fuse(encoded)
        return Fused(self.norm(fused.pooled), fused.tokens, fused.mask)


class ForgetsItsKeyword(Right):
    def __init__(self, width: int, power: float = 2.0) -> None:
        super().__init__(width)
        self.exponent = power


class KeepsARandomSecret(Right):
    def build(self, parts: int) -> None:
        super().build(parts)
        self.secret = torch.randn(self.width)

    def fuse(self, encoded: list[Encoded]) -> Fused:
        fused = super().fuse(encoded)
        return Fused(fused.pooled + self.secret.to(fused.pooled), fused.tokens, fused.mask)


WRONG = {
    Wide: "shapes",
    LosesTokens: "shapes",
    DividesByThePresent: "shapes",
    ChangesItsInput: "shapes",
    TakesColumnsAsTheyCome: "names",
    SilentWhenAColumnIsMissing: "names",
    Unseeded: "seed",
    RestlessInEval: "seed",
    LooksAtNeighbours: "order",
    PoolsPadding: "padding",
    ReadsAbsentCells: "absence",
    LetsAbsentColumnsDecide: "absence",
    DeafToOneColumn: "say",
    Detached: "gradients",
    HasAnIdleWeight: "gradients",
    OverflowsWhileTraining: "training",
    CannotLearnFromOneRow: "training",
    ForgetsItsKeyword: "saving",
    KeepsARandomSecret: "saving",
}


def test_a_fusion_that_keeps_its_promises_passes_in_a_new_process_too():
    check_fusion(lambda: Right(8))


@pytest.mark.parametrize("part", WRONG, ids=lambda part: part.__name__)
def test_a_broken_promise_is_caught_and_named(part):
    with pytest.raises(ContractError) as caught:
        check_fusion(lambda: part(8), new_process=False)
    assert caught.value.promise == WRONG[part]


def test_a_class_that_no_other_process_can_find_is_named():
    class Hidden(Right):
        pass

    with pytest.raises(ContractError, match="top of a file") as caught:
        check_fusion(lambda: Hidden(8))
    assert caught.value.promise == "new process"
