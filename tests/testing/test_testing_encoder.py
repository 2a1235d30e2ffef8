"""``check_encoder`` catches encoders that break a promise, each by the promise's name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, as_encoded, one_token
from sensorium.nn.masks import masked_mean
from sensorium.testing import ContractError, check_encoder

LAYOUT = Layout("series", channels=2, length=12)


class Right(Encoder):
    """Keeps every promise; the wrong ones differ from it in one thing."""

    kinds: ClassVar[frozenset[str]] = frozenset({"series"})

    def setup(self, layout: Layout) -> None:
        self.linear = nn.Linear(layout.channels, self.width)

    def encode(self, column: Column) -> Encoded:
        values = column.values.to(self.linear.weight.dtype)
        return as_encoded(self.linear(values), column.mask, column)


class OtherKind(Right):
    kinds: ClassVar[frozenset[str]] = frozenset({"text"})


class Wide(Right):
    def setup(self, layout: Layout) -> None:
        self.linear = nn.Linear(layout.channels, 2 * self.width)


class EmptyHanded(Right):
    def encode(self, column: Column) -> Encoded:
        return as_encoded(self.linear(column.values), column.mask & False, column)


class ChangesItsInput(Right):
    def encode(self, column: Column) -> Encoded:
        column.values.mul_(2)
        return super().encode(column)


class Unseeded(Right):
    def setup(self, layout: Layout) -> None:
        super().setup(layout)
        fresh = torch.Generator()
        fresh.seed()
        nn.init.normal_(self.linear.weight, generator=fresh)


class RestlessInEval(Right):
    def encode(self, column: Column) -> Encoded:
        encoded = super().encode(column)
        return as_encoded(F.dropout(encoded.tokens, 0.5), column.mask, column)


class LooksAtNeighbours(Right):
    def encode(self, column: Column) -> Encoded:
        tokens = super().encode(column).tokens
        return as_encoded(tokens - tokens.mean(0, keepdim=True), column.mask, column)


class CountsRows(Right):
    def encode(self, column: Column) -> Encoded:
        tokens = super().encode(column).tokens
        numbers = torch.arange(len(tokens), dtype=tokens.dtype)
        return as_encoded(tokens + numbers[:, None, None], column.mask, column)


class PoolsPadding(Right):
    def encode(self, column: Column) -> Encoded:
        vectors = self.linear(column.values.to(self.linear.weight.dtype)).mean(1)
        return one_token(vectors, column)


class SmearsPadding(Right):
    """A convolution whose norm's bias makes the padding speak."""

    def setup(self, layout: Layout) -> None:
        self.linear = nn.Linear(layout.channels, self.width)
        self.conv = nn.Conv1d(self.width, self.width, 3, padding=1)

    def encode(self, column: Column) -> Encoded:
        tokens = self.linear(column.values.to(self.linear.weight.dtype))
        return as_encoded(self.conv(tokens.transpose(1, 2)).transpose(1, 2), column.mask, column)


class EncodesAbsentRows(Right):
    def forward(self, column: Column) -> Encoded:
        encoded = self.encode(column)
        mask = encoded.mask & column.present.unsqueeze(1)
        return Encoded(encoded.tokens, mask, column.present)


class CountsAbsentRows(Right):
    """Its tokens are right, but absent rows enter the running statistics."""

    def setup(self, layout: Layout) -> None:
        super().setup(layout)
        self.norm = nn.BatchNorm1d(layout.channels)

    def forward(self, column: Column) -> Encoded:
        self.norm(column.values.transpose(1, 2))
        return super().forward(column)

    def encode(self, column: Column) -> Encoded:
        scaled = (column.values - self.norm.running_mean) * self.norm.weight + self.norm.bias
        return as_encoded(self.linear(scaled), column.mask, column)


class FailsOnNothing(Right):
    def forward(self, column: Column) -> Encoded:
        some = self.encode(column.rows(column.present))
        largest = some.tokens.amax(1, keepdim=True).sum() * 0 + some.tokens.sum() / len(some.tokens)
        tokens = torch.zeros(*column.mask.shape, self.width, dtype=some.tokens.dtype)
        tokens[column.present] = some.tokens
        mask = column.mask & column.present.unsqueeze(1)
        return Encoded(tokens + 0 * largest, mask, column.present)


class Detached(Right):
    def setup(self, layout: Layout) -> None:
        super().setup(layout)
        self.gate = nn.Linear(layout.channels, self.width)

    def encode(self, column: Column) -> Encoded:
        values = column.values.to(self.linear.weight.dtype)
        gate = self.gate(values).sigmoid()
        tokens = self.linear(values) * (gate.detach() + 0 * gate)
        return as_encoded(tokens, column.mask, column)


class DoubledSlope(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: object, *slopes: Tensor) -> Tensor:
        return 2 * slopes[0]


class WrongSlope(Right):
    def encode(self, column: Column) -> Encoded:
        tokens = DoubledSlope.apply(super().encode(column).tokens)
        return as_encoded(tokens, column.mask, column)


class IdleWeights(Right):
    def setup(self, layout: Layout) -> None:
        super().setup(layout)
        self.spare = nn.Linear(3, 3)


class NeedsTwoRows(Right):
    def setup(self, layout: Layout) -> None:
        super().setup(layout)
        self.norm = nn.BatchNorm1d(self.width)

    def encode(self, column: Column) -> Encoded:
        encoded = super().encode(column)
        whole = self.norm(masked_mean(encoded.tokens, encoded.mask)).unsqueeze(1)
        return as_encoded(encoded.tokens + whole, column.mask, column)


class ForgetsKeyword(Right):
    def __init__(self, width: int, scale: float = 3.0) -> None:
        super().__init__(width)
        self._scale = scale


class HiddenNumbers(Right):
    """Keeps random numbers where state_dict() does not see them."""

    def setup(self, layout: Layout) -> None:
        super().setup(layout)
        self.hidden = torch.randn(self.width)

    def encode(self, column: Column) -> Encoded:
        encoded = super().encode(column)
        return as_encoded(encoded.tokens * self.hidden.to(encoded.tokens), column.mask, column)


class Standing(Right):
    """Stands on a frozen part whose features can be kept."""

    def setup(self, layout: Layout) -> None:
        self.base = nn.Linear(layout.channels, 3).requires_grad_(requires_grad=False)
        self.linear = nn.Linear(3, self.width)

    @property
    def frozen(self) -> nn.Module:
        return self.base

    def extract(self, column: Column) -> Column:
        if column.extracted:
            return column
        with torch.no_grad():
            values = self.features(column.values.to(self.base.weight.dtype))
        return replace(column, values=values, extracted=True)

    def features(self, values: Tensor) -> Tensor:
        return self.base(values)

    def encode(self, column: Column) -> Encoded:
        return super().encode(self.extract(column))


class TrainsWhatIsFrozen(Standing):
    def setup(self, layout: Layout) -> None:
        super().setup(layout)
        self.base.requires_grad_()

    def extract(self, column: Column) -> Column:
        if column.extracted:
            return column
        values = self.base(column.values.to(self.base.weight.dtype))
        return replace(column, values=values, extracted=True)


class DropsWhatIsFrozen(Standing):
    def features(self, values: Tensor) -> Tensor:
        return F.dropout(self.base(values), 0.5, self.training)


class ForgetsThatItExtracted(Standing):
    def extract(self, column: Column) -> Column:
        return replace(super().extract(column), extracted=False)

    def features(self, values: Tensor) -> Tensor:
        return values if values.shape[-1] == 3 else self.base(values)


class KeepsHalfItsState(Standing):
    """Reads its state back, and then gives other numbers."""

    scale = 1.0

    def state(self) -> Mapping[str, Any]:
        return {"scale": 2.0}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.scale = state.get("scale", 1.0)

    def features(self, values: Tensor) -> Tensor:
        return self.scale * self.base(values)


class RemembersProcess(Right):
    """Depends on something that only this process knows."""

    secret: ClassVar[float] = 1.0

    def encode(self, column: Column) -> Encoded:
        encoded = super().encode(column)
        return as_encoded(encoded.tokens * self.secret, column.mask, column)


WRONG = {
    OtherKind: "kinds",
    Wide: "shapes",
    EmptyHanded: "shapes",
    ChangesItsInput: "shapes",
    Unseeded: "seed",
    RestlessInEval: "seed",
    LooksAtNeighbours: "order",
    CountsRows: "order",
    PoolsPadding: "padding",
    SmearsPadding: "padding",
    EncodesAbsentRows: "absence",
    CountsAbsentRows: "absence",
    FailsOnNothing: "all absent",
    Detached: "gradients",
    WrongSlope: "gradients",
    IdleWeights: "gradients",
    NeedsTwoRows: "training",
    ForgetsKeyword: "saving",
    HiddenNumbers: "saving",
    TrainsWhatIsFrozen: "frozen",
    DropsWhatIsFrozen: "frozen",
    ForgetsThatItExtracted: "frozen",
    KeepsHalfItsState: "saving",
}


@pytest.fixture
def column() -> Column:
    values = torch.randn(5, 12, 2, generator=torch.Generator().manual_seed(0))
    return Column(values, torch.ones(5, 12, dtype=torch.bool), torch.ones(5, dtype=torch.bool))


def test_a_right_encoder_passes_in_a_new_process_too(column: Column) -> None:
    check_encoder(lambda: Right(width=4), LAYOUT, column)


def test_a_right_encoder_on_a_frozen_part_passes(column: Column) -> None:
    check_encoder(lambda: Standing(width=4), LAYOUT, column, new_process=False)


@pytest.mark.parametrize("part", WRONG, ids=lambda part: part.__name__)
def test_a_wrong_encoder_is_caught(part: type[Right], column: Column) -> None:
    with pytest.raises(ContractError) as caught:
        check_encoder(lambda: part(width=4), LAYOUT, column, new_process=False)
    assert caught.value.promise == WRONG[part]
    assert len(str(caught.value)) > 40


def test_what_only_this_process_knows_is_caught(
    column: Column, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RemembersProcess, "secret", 2.0)
    with pytest.raises(ContractError) as caught:
        check_encoder(lambda: RemembersProcess(width=4), LAYOUT, column)
    assert caught.value.promise == "new process"


def test_a_class_that_no_other_process_can_find_is_named(column: Column) -> None:
    class Local(Right):
        pass

    with pytest.raises(ContractError, match="top of a file"):
        check_encoder(lambda: Local(width=4), LAYOUT, column)


def test_the_check_leaves_the_global_generator_alone(column: Column) -> None:
    before = torch.random.get_rng_state()
    check_encoder(lambda: Right(width=4), LAYOUT, column, new_process=False)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_column_of_too_few_rows_is_refused(column: Column) -> None:
    with pytest.raises(ContractError, match="3 present rows"):
        check_encoder(lambda: Right(width=4), LAYOUT, column.rows(torch.tensor([0, 1])))
