"""Training on frozen networks: features kept beforehand change nothing but the time it takes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import sensorium as sm
from sensorium.core.errors import ArtifactError
from sensorium.encoders import Pretrained
from sensorium.preprocess import Shelf
from sensorium.train.checkpoint import checkpoints
from sensorium.train.ema import Average
from sensorium.train.weights import learned, take_back
from tiny_models import model_of, rows

Tiny = Callable[[str], Path]
PLAN = sm.Plan(
    epochs=4, rows_per_step=8, rate=5e-3, ema=0.9, precision="fp32", checkpoint_seconds=0.0,
)  # fmt: skip
VARIED = sm.Plan(
    epochs=3, rows_per_step=8, rate=5e-3, ema=0.9, precision="fp32", checkpoint_seconds=0.0,
    augment=("flip", "colour"), views=3,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _own_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSORIUM_CACHE", str(tmp_path / "cache"))


def standing(tiny: Tiny, seed: int = 0, **options: Any) -> tuple[sm.Model, sm.Table]:
    return model_of(
        rows(),
        seed,
        words=Pretrained(str(tiny("bert")), width=8, **options),
        picture=Pretrained(str(tiny("vit")), width=8, **options),
    )


def weights(model: sm.Model) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in model.state_dict().items()}


def valid_of(model: sm.Model) -> sm.Table:
    return sm.read(rows(20, seed=1), model.schema)


def close(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], far: float = 0.0) -> None:
    assert one.keys() == other.keys()
    for name, weight in one.items():
        torch.testing.assert_close(weight, other[name], rtol=far, atol=far)


def test_kept_features_train_the_same_weights_as_the_encoder_at_each_step(
    tiny: Tiny, calls: list[int]
) -> None:
    """Tokens are kept one by one here, so that rows meet by their lengths in both."""
    model, table = standing(tiny, pool="none")
    first = sm.train(model, table, plan=PLAN, quiet=True)
    beforehand = sum(calls)
    calls.clear()
    model, table = standing(tiny, pool="none")
    second = sm.train(model, Shelf.of(model.prep, table), plan=PLAN, quiet=True)
    assert beforehand < 30 < sum(calls)
    close(weights(first.model), weights(second.model), 1e-5)
    losses = [[record["loss"] for record in run.history] for run in (first, second)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert losses[0][-1] < losses[0][0]


def test_a_second_fit_runs_the_encoders_not_once(tiny: Tiny, calls: list[int]) -> None:
    model, table = standing(tiny)
    first = sm.train(model, table, valid_of(model), plan=VARIED, quiet=True)
    assert sum(calls) > 0
    calls.clear()
    model, table = standing(tiny)
    second = sm.train(model, table, valid_of(model), plan=VARIED, quiet=True)
    sm.evaluate(second.model, valid_of(model))
    assert calls == []
    close(weights(first.model), weights(second.model))


def test_frozen_weights_are_in_no_checkpoint_and_no_average(tiny: Tiny, tmp_path: Path) -> None:
    model, table = standing(tiny)
    before = {n: w for n, w in weights(model).items() if ".tower." in n}
    run = sm.train(model, table, valid_of(model), plan=PLAN, out=tmp_path / "run", quiet=True)
    (last, *_) = checkpoints(tmp_path / "run")
    files = list(last.glob("*.safetensors"))
    assert len(files) >= 3
    names = {name for file in files for name in load_file(file)}
    assert names
    assert not [name for name in names if "tower" in name]
    assert sum(f.stat().st_size for f in files) < sum(4 * w.numel() for w in before.values())
    assert not [name for name in Average(model, 0.9).state if "tower" in name]
    assert not [name for name in learned(model) if "tower" in name]
    after = weights(run.model)
    close(before, {name: after[name] for name in before})
    saved = load_file(tmp_path / "run" / "model" / "weights.safetensors")
    assert before.keys() < saved.keys()
    close(weights(sm.load(tmp_path / "run" / "model")), after)


class KilledError(Exception):
    pass


@pytest.mark.parametrize(
    ("options", "after"), [({}, 12), ({"lora": 2}, 7), ({"unfreeze_last": 1}, 3)], ids=str
)
def test_a_fit_cut_off_anywhere_ends_bit_identical(
    tiny: Tiny, tmp_path: Path, options: Any, after: int
) -> None:
    def go(out: str, seed: int = 0, **more: Any) -> sm.Run:
        model, table = standing(tiny, seed, **options)
        return sm.train(model, table, valid_of(model), plan=VARIED, out=tmp_path / out, quiet=True,
                        **more)  # fmt: skip

    def cut(step: int, _: object) -> None:
        if step == after:
            raise KilledError

    whole = go("whole")
    with pytest.raises(KilledError):
        go("cut", on_step=cut)
    resumed = go("cut", seed=9, resume=True)
    close(weights(whole.model), weights(resumed.model))
    assert [r["loss"] for r in whole.history] == [r["loss"] for r in resumed.history]


def test_weights_of_another_model_are_not_taken_back(tiny: Tiny) -> None:
    one, _ = standing(tiny)
    other, _ = standing(tiny, unfreeze_last=1)
    with pytest.raises(ArtifactError, match=r"of another model: .* names differ, such as"):
        take_back(one, learned(other))
    state = {name: w + 1 for name, w in learned(one).items()}
    take_back(one, state)
    close(learned(one), state)


def test_an_average_is_put_in_place_and_taken_out_again(tiny: Tiny) -> None:
    model, _ = standing(tiny)
    average = Average(model, 0.5)
    before = weights(model)
    with torch.no_grad():
        for weight in learned(model).values():
            if weight.is_floating_point():
                weight.add_(1.0)
    average.update()
    live = weights(model)
    with average.applied():
        inside = weights(model)
    close(weights(model), live)
    for name, weight in inside.items():
        moved = weight.is_floating_point() and ".tower." not in name
        share = 9 / 11 if moved else 0.0  # the decay is 2 / 11 at first
        torch.testing.assert_close(weight, before[name] + share, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("options", [{"lora": 2}, {"unfreeze_last": 1}, {"unfreeze_last": "all"}],
                         ids=str)  # fmt: skip
def test_what_is_free_is_trained_and_nothing_else(tiny: Tiny, options: Any) -> None:
    model, table = standing(tiny, **options)
    before = weights(model)
    free = {name for name, w in model.named_parameters() if w.requires_grad and ".tower." in name}
    run = sm.train(model, table, plan=sm.Plan(epochs=2, rate=0.1, precision="fp32",
                                              rows_per_step=8), quiet=True)  # fmt: skip
    after = weights(run.model)
    moved = {n for n, w in after.items() if ".tower." in n and not torch.equal(w, before[n])}
    assert moved <= free
    assert len(moved) > 0.8 * len(free)


def test_mixing_takes_features_as_they_are(tiny: Tiny) -> None:
    model, table = model_of(rows(), picture=Pretrained(str(tiny("vit")), width=8, pool="none"))
    plan = sm.Plan(epochs=1, rows_per_step=8, mixup=0.4, precision="fp32")
    run = sm.train(model, table, plan=plan, quiet=True)
    assert run.history[-1]["loss"] > 0


def test_the_parts_of_a_model_are_compared_on_the_same_features(
    tiny: Tiny, calls: list[int]
) -> None:
    model, table = standing(tiny)
    valid = valid_of(model)
    plan = sm.Plan(epochs=1, rows_per_step=8, precision="fp32")
    run = sm.train(model, table, valid, plan=plan, quiet=True)
    calls.clear()
    found = sm.compare(run.model, table, valid, valid, plan=plan, quiet=True)
    assert calls == []
    assert len(found.costs) >= 3
