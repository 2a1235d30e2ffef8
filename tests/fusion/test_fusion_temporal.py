"""Signals read as one: their channels side by side, whatever is missing and however long."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import sensorium as sm
from sensorium.core.batch import Column, Encoded, Fused, Layout
from sensorium.core.errors import PartError
from sensorium.encoders import Stem
from sensorium.fusion import Temporal
from sensorium.fusion.temporal import together
from sensorium.tasks.class_head import ClassHead
from sensorium.tasks.heads import Heads

WIDTH, TIME = 6, 12
NAMES = ("turn", "push")


def signal(channels: int, *ends: int) -> Column:
    values = torch.randn(len(ends), TIME, channels, generator=torch.Generator().manual_seed(0))
    mask = torch.arange(TIME) < torch.tensor(ends).unsqueeze(1)
    return Column(values, mask, mask.any(1))


def stems(*channels: int) -> list[Stem]:
    found = []
    for number, count in enumerate(channels):
        torch.manual_seed(number)
        found.append(Stem(WIDTH))
        found[-1].setup(Layout("series", channels=count, length=TIME))
    return found


def ready() -> Temporal:
    torch.manual_seed(2)
    fusion = Temporal(WIDTH, depth=2)
    fusion.setup(NAMES)
    return fusion.eval()


def pooled(trunk: nn.Module, steps: Tensor, mask: Tensor) -> Tensor:
    """What a trunk makes of a batch, with its tokens averaged by hand."""
    tokens, real = trunk(steps.transpose(1, 2), steps.transpose(1, 2), mask)
    return torch.stack([row[kept].mean(0) for row, kept in zip(tokens, real, strict=True)])


def test_it_is_one_convolution_of_all_channels() -> None:
    turn, push = signal(3, 12, 7), signal(2, 12, 7)
    first, second = stems(3, 2)
    fusion = ready()
    found = fusion({"turn": first(turn), "push": second(push)})
    whole = nn.Conv1d(5, WIDTH, 5, stride=2, padding=2, bias=False)
    whole.weight.data = torch.cat([first.conv.weight, second.conv.weight], 1)
    values = torch.cat([turn.values, push.values], 2) * turn.mask.unsqueeze(2)
    mask = turn.mask[:, ::2]  # a pair of steps is real if its first one is
    steps = whole(values.transpose(1, 2)).transpose(1, 2) * mask.unsqueeze(2)
    torch.testing.assert_close(found.pooled, pooled(fusion.trunk, steps, mask))


def test_each_column_alone_goes_through_the_other_trunk() -> None:
    turn, push = signal(3, 12, 7), signal(2, 12, 7)
    first, second = stems(3, 2)
    fusion = ready()
    encoded = {"turn": first(turn), "push": second(push)}
    found = fusion(encoded)
    for name, one in encoded.items():
        torch.testing.assert_close(found.parts[name], pooled(fusion.apart, one.tokens, one.mask))


def test_an_absent_column_adds_nothing() -> None:
    turn, push = signal(3, 12, 7), signal(2, 12, 0)
    first, second = stems(3, 2)
    fusion, one = ready(), first(turn)
    found = fusion({"turn": one, "push": second(push)}).pooled
    own = pooled(fusion.trunk, one.tokens, one.mask)
    torch.testing.assert_close(found[1], own[1])
    assert not torch.allclose(found[0], own[0])


def test_a_lower_rate_is_stretched() -> None:
    slow, fast = torch.arange(4.0), torch.arange(7.0) / 2
    encoded = [
        Encoded(steps.view(1, -1, 1), torch.ones(1, len(steps)) > 0, torch.ones(1) > 0)
        for steps in (slow, fast)
    ]
    (stretched, mask), (kept, _) = together(encoded)
    torch.testing.assert_close(stretched, kept)
    torch.testing.assert_close(kept.flatten(), fast)
    assert mask.all()


@pytest.mark.parametrize("more", [0, 3])
def test_rows_are_stretched_by_themselves(more: int) -> None:
    """Row by row as alone, whatever padding the others bring."""
    random = np.random.default_rng(0)

    def column(*ends: int) -> Encoded:
        mask = torch.arange(max(ends) + more) < torch.tensor(ends).unsqueeze(1)
        tokens = torch.from_numpy(random.normal(size=(len(ends), max(ends) + more, 2)))
        return Encoded(tokens * mask.unsqueeze(2), mask, mask.any(1))

    both = [column(4, 8, 1), column(6, 8, 5)]
    found = together(both)
    for row in range(3):
        own = [
            Encoded(*(part[row : row + 1] for part in (e.tokens, e.mask, e.present))) for e in both
        ]
        for (tokens, mask), (alone, its) in zip(found, together(own), strict=True):
            torch.testing.assert_close(tokens[row][mask[row]], alone[0][its[0]])
            assert int(mask[row].sum()) == (6, 8, 5)[row]


def test_columns_vote_and_a_row_of_one_column_is_answered_by_that_column() -> None:
    random = np.random.default_rng(0)
    rows = [
        {"turn": random.normal(size=(80, 3)), "push": random.normal(size=(80, 2)), "y": "ab"[i % 2]}
        for i in range(8)
    ]
    signals = sm.Series(max_steps=80)
    schema = sm.Schema({"turn": signals, "push": signals}, {"y": sm.Category()})
    table = sm.read(rows, schema)
    model = sm.Model(
        sm.Preprocess.fit(table, schema),
        encoders={"turn": Stem(WIDTH), "push": Stem(WIDTH)},
        fusion=Temporal(WIDTH, depth=1),
        task=sm.Classify("y"),
    )
    lacking = [{}, *[{"push": None}] * 3, {"push": None, "turn": None}, *[{}] * 3]
    bare = sm.read([row | less for row, less in zip(rows, lacking, strict=True)], schema)
    found = model.features(model.prep(list(bare)))
    answer, (turn, push) = found.outputs["y"], (found.alone[name]["y"] for name in model.names)
    with torch.inference_mode():
        joint = model.task.heads["y"](found.fused.pooled)
    whole = [0, 5, 6, 7]
    torch.testing.assert_close(answer[1:4], turn[1:4])
    torch.testing.assert_close(answer[4], joint[4])
    torch.testing.assert_close(answer[whole], joint[whole] / 2 + turn[whole] / 4 + push[whole] / 4)


def test_votes_of_different_precision_are_counted_in_the_finer_one() -> None:
    heads = Heads({"y": ClassHead(WIDTH, 2, ("a", "b"))}, NAMES, auxiliary=0.3)
    there = torch.ones(3, dtype=torch.bool)
    parts = {name: torch.randn(3, WIDTH) for name in NAMES}
    fused = Fused(
        torch.randn(3, WIDTH), torch.zeros(3, 0, WIDTH), torch.zeros(3, 0, dtype=torch.bool),
        parts=parts, present=dict.fromkeys(NAMES, there), voted=True,
    )  # fmt: skip
    exact = heads(fused).outputs["y"]
    heads["y"].joint.bfloat16()
    rough = heads(replace(fused, pooled=fused.pooled.bfloat16())).outputs["y"]
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, exact, atol=0.02, rtol=0.02)


@pytest.mark.parametrize("part", [Stem, Temporal])
def test_an_even_kernel_is_refused(part: type[Stem] | type[Temporal]) -> None:
    with pytest.raises(PartError, match=f"{part.__name__} needs an odd kernel, found 4"):
        part(WIDTH, kernel=4)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("ends", [(12, 0), (0, 12), (0, 0), (1, 1)])
def test_one_row_gives_finite_vectors_whatever_it_lacks(
    ends: tuple[int, int],
    training: bool,
) -> None:
    columns = dict(zip(NAMES, (signal(3, ends[0]), signal(2, ends[1])), strict=True))
    encoded = {n: stem(columns[n]) for n, stem in zip(NAMES, stems(3, 2), strict=True)}
    found = ready().train(training)(encoded)
    assert all(part.isfinite().all() for part in (found.pooled, *found.parts.values()))
