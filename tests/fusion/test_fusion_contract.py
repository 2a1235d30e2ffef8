"""Every fusion keeps the public contract, on any number of columns."""

from pathlib import Path

import pytest
import torch

from sensorium.core.batch import Encoded
from sensorium.core.describe import build, describe
from sensorium.core.errors import PartError
from sensorium.fusion import (
    FUSIONS,
    Bottleneck,
    CrossAttention,
    Early,
    FiLM,
    Late,
    LowRankBilinear,
    LowRankTensor,
    SelfAttention,
    Tensor,
)
from sensorium.testing import check_fusion
from sensorium.testing.checks import seeded
from sensorium.testing.fusion import demand_again, keep_for_again, made_up
from sensorium.testing.process import run

WIDTH = 8
PLAIN = {name: (lambda part=part: part(WIDTH)) for name, part in FUSIONS.items()}
OTHERWISE = {
    "Bottleneck of one": lambda: Bottleneck(WIDTH, bottlenecks=1, depth=1, heads=2),
    "CrossAttention twice": lambda: CrossAttention(WIDTH, depth=2, heads=2),
    "Early shallow": lambda: Early(WIDTH, depth=1),
    "FiLM onto one": lambda: FiLM(WIDTH, depth=2, onto=("photo",)),
    "Late weight": lambda: Late(WIDTH, "weight"),
    "Late product": lambda: Late(WIDTH, "product"),
    "Late vote": lambda: Late(WIDTH, "vote"),
    "Late stack": lambda: Late(WIDTH, "stack"),
    "LowRankBilinear small": lambda: LowRankBilinear(WIDTH, rank=3),
    "LowRankTensor of rank 1": lambda: LowRankTensor(WIDTH, rank=1),
    "SelfAttention deep": lambda: SelfAttention(WIDTH, depth=2),
    "Tensor small": lambda: Tensor(WIDTH, size=2),
}
ALL = PLAIN | OTHERWISE


@pytest.mark.parametrize("name", ALL)
def test_it_keeps_the_contract(name):
    check_fusion(ALL[name], new_process=False)


def test_all_give_the_same_bits_in_a_new_process(tmp_path: Path):
    fusions = {}
    for name, make in ALL.items():
        with seeded(0):
            fusions[name] = make()
            fusions[name].setup(tuple(made_up(WIDTH)))
        keep_for_again(fusions[name].eval(), tmp_path / name)
    run("sensorium.testing.fusion", "fuse_again", tmp_path)
    for name, fusion in fusions.items():
        demand_again(fusion, tmp_path / name)


@pytest.mark.parametrize("name", FUSIONS)
def test_eight_columns_fit_together(name):
    present = torch.tensor([True, False, True])
    columns = {
        f"column {i}": Encoded(
            torch.randn(3, 2, WIDTH), torch.ones(3, 2, dtype=bool), present ^ bool(i % 2)
        )
        for i in range(8)
    }
    fusion = FUSIONS[name](WIDTH)
    fusion.setup(tuple(columns))
    assert fusion(columns).pooled.isfinite().all()


@pytest.mark.parametrize("name", ALL)
def test_it_is_rebuilt_from_its_description(name):
    description = describe(ALL[name]())
    assert describe(build(description, FUSIONS)) == description


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: Late(WIDTH, "median"), "'median'"),
        (lambda: LowRankBilinear(WIDTH, rank=-1), "rank"),
        (lambda: LowRankTensor(WIDTH, rank=0), "rank"),
        (lambda: Tensor(WIDTH, size=50).setup(("a", "b", "c")), "LowRankTensor"),
        (lambda: Tensor(WIDTH).setup(tuple("abcdefghijklmnop")), "LowRankTensor"),
        (lambda: FiLM(WIDTH, onto=("photos",)).setup(("photo", "words")), "did you mean 'photo'"),
        (lambda: SelfAttention(WIDTH, heads=3).setup(("a", "b")), "heads"),
    ],
)
def test_what_cannot_be_is_refused_with_a_hint(make, hint):
    with pytest.raises(PartError, match=hint):
        make()
