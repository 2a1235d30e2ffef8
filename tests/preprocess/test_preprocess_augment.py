"""Augmentation: nothing changes kind, shape or neighbours; each does what its name says."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from sensorium.core.batch import Batch, Column
from sensorium.core.errors import PlanError
from sensorium.preprocess import AUGMENTATIONS, augmented
from sensorium.preprocess.rand_augment import OPERATIONS
from sensorium.preprocess.vary_image import (
    brightened,
    contrasted,
    crop,
    cutout,
    flip,
    saturated,
    zoom,
)
from sensorium.preprocess.vary_signal import gain, jitter, noise, scale, shift, speed, window

ROWS = 40
KINDS = {"photo": "image", "grey": "image", "clip": "audio", "pulse": "series", "words": "text"}


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(channels: int = 3, side: int = 16, rows: int = ROWS) -> Column:
    values = torch.randint(
        0, 256, (rows, channels, side, side), generator=draws(), dtype=torch.uint8
    )
    there = torch.ones(rows, dtype=torch.bool)
    return Column(values, there.unsqueeze(1), there)


def signals(channels: int | None = None, time: int = 50) -> Column:
    shape = (ROWS, time) if channels is None else (ROWS, time, channels)
    lengths = torch.randint(1, time + 1, (ROWS,), generator=draws())
    mask = torch.arange(time) < lengths[:, None]
    values = torch.rand(shape, generator=draws()) - 0.5
    wide = mask if channels is None else mask.unsqueeze(-1)
    return Column(values * wide, mask, torch.ones(ROWS, dtype=torch.bool))


@pytest.fixture
def batch() -> Batch:
    words = torch.ones(ROWS, 3, dtype=torch.int64)
    there = torch.ones(ROWS, dtype=torch.bool)
    columns = {
        "photo": pictures(),
        "grey": pictures(channels=1, side=9),
        "clip": signals(),
        "pulse": signals(2),
        "words": Column(words, words.bool(), there),
    }
    return Batch(columns, tuple(range(ROWS)))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_changes_its_kind_alone_and_keeps_its_form(name: str, batch: Batch) -> None:
    before = {n: c.values.clone() for n, c in batch.columns.items()}
    found = augmented(batch, KINDS, [name], draws())
    kind, _ = AUGMENTATIONS[name]
    for column, its in KINDS.items():
        old, new = batch.columns[column], found.columns[column]
        assert torch.equal(old.values, before[column])  # the batch given is left alone
        assert new.values.dtype == old.values.dtype
        assert torch.equal(new.present, old.present)
        if name == "speed" and its == kind:  # it makes more or fewer steps
            assert new.mask.shape == new.values.shape
            continue
        assert new.values.shape == old.values.shape
        assert torch.equal(new.mask, old.mask) == (name != "window" or its != kind)
        assert not (new.mask & ~old.mask).any()
        assert torch.equal(new.values, old.values) == (its != kind)
    for ragged in ("clip", "pulse"):
        assert not found.columns[ragged].values[~found.columns[ragged].mask].any()
    assert found.rows == batch.rows


def test_a_faster_sound_is_all_of_it_in_less_time() -> None:
    lengths = torch.tensor([400] * 20 + [100] * 20)
    real = torch.arange(400) < lengths.unsqueeze(1)
    ramp = torch.arange(400) / (lengths.unsqueeze(1) - 1) * real
    found = speed(Column(ramp, real, real[:, 0]), draws())
    after = found.mask.sum(1)
    assert ((after / lengths - 1).abs() <= 0.19).all()
    assert len(set((after / lengths).tolist())) > 20
    last = found.values.gather(1, after.unsqueeze(1) - 1).squeeze(1)
    assert torch.allclose(last, torch.ones(40), atol=0.02)
    assert not found.values[~found.mask].any()
    assert (found.values.diff(dim=1)[found.mask[:, 1:]] >= 0).all()


def test_a_window_is_one_stretch_of_at_least_two_fifths() -> None:
    real = torch.arange(50).expand(40, -1) < torch.tensor([50] * 20 + [10] * 20).unsqueeze(1)
    column = Column(torch.ones(40, 50, 2) * real.unsqueeze(2), real, real[:, 0])
    found = window(column, draws())
    length = found.mask.sum(1)
    share = length / real.sum(1)
    assert share.min() >= 0.3
    assert len(set(length[:20].tolist())) > 5
    starts = found.mask.int().argmax(1)
    ends = 50 - found.mask.flip(1).int().argmax(1)
    assert torch.equal(ends - starts, length)
    assert torch.equal(found.values.bool(), found.mask.unsqueeze(2).expand(-1, -1, 2))


def test_the_same_stretch_is_seen_in_every_signal() -> None:
    def signal(steps: int) -> Column:
        real = torch.ones(8, steps, dtype=torch.bool)
        return Column(torch.ones(8, steps, 1), real, real[:, 0])

    columns = {"turn": signal(50), "push": signal(50), "fast": signal(500)}
    batch = Batch(columns, tuple(range(8)))
    found = augmented(batch, dict.fromkeys(columns, "series"), ["jitter", "window"], draws())
    turn, push, fast = (found.columns[name].mask for name in columns)
    assert torch.equal(turn, push)
    assert not torch.equal(found.columns["turn"].values, found.columns["push"].values)
    for few, many in ((turn, fast), (turn.flip(1), fast.flip(1))):
        assert (few.int().argmax(1) / 50 - many.int().argmax(1) / 500).abs().max() <= 0.02
    assert len(set(turn.sum(1).tolist())) > 4


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_seed_fixes_everything(name: str, batch: Batch) -> None:
    column = next(c for c, kind in KINDS.items() if kind == AUGMENTATIONS[name][0])
    one, same, other = (
        augmented(batch, KINDS, [name], draws(seed)).columns[column].values for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_rows_are_changed_one_by_one(name: str, batch: Batch) -> None:
    """What stands in a row has no say in what becomes of the others."""
    column = next(c for c, kind in KINDS.items() if kind == AUGMENTATIONS[name][0])
    whole = augmented(batch, KINDS, [name], draws()).columns[column].values
    old = batch.columns[column]
    values = old.values.clone()
    values[0] = values[0].flip(0) if values.is_floating_point() else 255 - values[0]
    changed = replace(batch, columns={**batch.columns, column: replace(old, values=values)})
    again = augmented(changed, KINDS, [name], draws()).columns[column].values
    assert torch.equal(again[1:], whole[1:])


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_an_empty_batch_is_left_empty(name: str, batch: Batch) -> None:
    none = torch.zeros(0, dtype=torch.int64)
    empty = Batch({n: c.rows(none) for n, c in batch.columns.items()}, ())
    assert len(augmented(empty, KINDS, [name], draws()).columns["photo"].values) == 0


def test_unknown_names_are_all_named(batch: Batch) -> None:
    with pytest.raises(PlanError, match=r"did you mean 'flip'") as fault:
        augmented(batch, KINDS, ["flipp", "flip", "warp"], draws())
    assert "'warp'" in str(fault.value)


def test_flip_mirrors_about_half_of_the_rows() -> None:
    column = pictures(rows=400)
    found = flip(column, draws()).values
    mirrored = [
        torch.equal(new, old.flip(-1)) for new, old in zip(found, column.values, strict=True)
    ]
    kept = [torch.equal(new, old) for new, old in zip(found, column.values, strict=True)]
    assert all(one != other for one, other in zip(mirrored, kept, strict=True))
    assert 150 < sum(mirrored) < 250


def test_crop_shifts_by_an_eighth_at_most() -> None:
    side = 16
    place = torch.arange(side * side, dtype=torch.uint8).reshape(1, 1, side, side)
    there = torch.ones(60, dtype=torch.bool)
    found = crop(Column(place.expand(60, 1, -1, -1), there.unsqueeze(1), there), draws()).values
    down = found[:, 0, 8, 8].long() // side - 8
    right = found[:, 0, 8, 8].long() % side - 8
    assert set(down.tolist()) == set(right.tolist()) == {-2, -1, 0, 1, 2}
    for picture, y, x in zip(found, down.tolist(), right.tolist(), strict=True):
        assert torch.equal(picture[:, 4:12, 4:12], place[0, :, 4 + y : 12 + y, 4 + x : 12 + x])


def test_zoom_shows_a_part_larger() -> None:
    ramp = torch.linspace(0, 255, 32).to(torch.uint8).expand(50, 1, 32, 32)
    there = torch.ones(50, dtype=torch.bool)
    found = zoom(Column(ramp, there.unsqueeze(1), there), draws()).values.float()
    spread = found[:, 0, 16].amax(1) - found[:, 0, 16].amin(1)
    assert (spread <= 256).all()
    assert 130 < spread.min() < 200
    assert (found.diff(dim=3) >= 0).all()


def test_cutout_hides_a_square_of_half_the_side() -> None:
    column = pictures(side=32)
    found = cutout(column, draws()).values
    changed = (found != column.values).any(1)
    areas = changed.sum((1, 2))
    assert areas.max() <= 17 * 17
    assert areas.min() >= 7 * 7
    for picture, hole in zip(found, changed, strict=True):
        ys, xs = hole.nonzero().T
        box = picture[:, ys.min() : ys.max() + 1, xs.min() : xs.max() + 1].flatten(1)
        assert (box == box[:, :1]).all()


def test_colours_follow_pillow() -> None:
    smooth = torch.randint(60, 190, (5, 3, 8, 8), generator=draws(), dtype=torch.uint8)
    factor = torch.tensor([0.6, 0.8, 1.0, 1.2, 1.4])
    pairs = [
        (brightened, ImageEnhance.Brightness),
        (contrasted, ImageEnhance.Contrast),
        (saturated, ImageEnhance.Color),
    ]
    for ours, theirs in pairs:
        found = ours(smooth, factor)
        for picture, source, f in zip(found, smooth, factor.tolist(), strict=True):
            image = Image.fromarray(source.permute(1, 2, 0).numpy())
            expected = np.asarray(theirs(image).enhance(f)).astype(int)
            assert np.abs(picture.permute(1, 2, 0).numpy() - expected).max() <= 2, ours


PILLOWS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "auto_contrast": ImageOps.autocontrast,
    "equalize": ImageOps.equalize,
    "identity": lambda image: image,
    "posterize": lambda image: ImageOps.posterize(image, 7),
    "solarize": lambda image: ImageOps.solarize(image, 180),
}


@pytest.mark.parametrize("name", PILLOWS)
def test_operations_of_randaugment_follow_pillow(name: str) -> None:
    rng = np.random.default_rng(0)
    source = np.clip(rng.normal(110, 30, (16, 16, 3)), 0, 255).astype(np.uint8)
    values = torch.from_numpy(source).permute(2, 0, 1)[None]
    found = OPERATIONS[name](values, torch.tensor([0.3]))[0].permute(1, 2, 0).numpy()
    expected = np.asarray(PILLOWS[name](Image.fromarray(source)))
    assert np.abs(found.astype(int) - expected).mean() < 3


@pytest.mark.parametrize("name", set(OPERATIONS) - {"identity"})
def test_operations_of_randaugment_change_a_picture_a_little(name: str) -> None:
    x = torch.linspace(60, 190, 32)
    smooth = torch.stack([x.expand(32, 32), x.expand(32, 32).T, (x + x[:, None]) / 2])
    values = smooth.round().to(torch.uint8)[None].repeat(2, 1, 1, 1)
    found = OPERATIONS[name](values, torch.tensor([0.3, -0.3]))
    away = (found.float() - values.float()).abs().mean((1, 2, 3))
    assert found.dtype == torch.uint8
    assert (away < 60).all()
    if name != "sharpness":
        assert (away > 0).all()


def test_rotation_turns_one_way_and_back() -> None:
    x = torch.linspace(60, 190, 33)
    values = (x.expand(33, 33)).round().to(torch.uint8)[None, None]
    turned = OPERATIONS["rotate"](values, torch.tensor([0.5]))
    back = OPERATIONS["rotate"](turned, torch.tensor([-0.5]))
    middle = (..., slice(10, 23), slice(10, 23))
    assert (turned[middle].int() - values[middle].int()).abs().max() > 5
    assert (back[middle].int() - values[middle].int()).abs().max() <= 3


def test_sounds_are_shifted_by_a_tenth_at_most() -> None:
    time = 200
    there = torch.ones(80, dtype=torch.bool)
    values = torch.arange(1.0, time + 1).expand(80, time) / time
    column = Column(values, torch.ones(80, time, dtype=torch.bool), there)
    found = shift(column, draws()).values
    by = (found[:, 100] - values[:, 100]) * time
    assert by.abs().max() <= 20.5
    assert by.min() < -10 < 10 < by.max()
    row = int(by.argmin())
    moved = round(-float(by[row]))
    assert (found[row, :moved] == 0).all()
    assert torch.equal(found[row, moved:], values[row, :-moved])


def test_noise_lies_15_to_40_decibels_below() -> None:
    column = signals(time=4_000)
    change = noise(column, draws()).values - column.values
    count = column.mask.sum(1)
    power = [x.square().sum(1) / count for x in (column.values, change)]
    long = count > 1_000
    below = 10 * (power[0] / power[1]).log10()[long]
    assert 14 < below.min() < 20
    assert 35 < below.max() < 41


def test_gain_is_one_factor_a_row_and_never_clips_over() -> None:
    column = signals()
    factor = gain(column, draws()).values / column.values
    for row, mask in zip(factor, column.mask, strict=True):
        heard = row[mask & row.isfinite()]
        assert (heard - heard[0]).abs().max() < 1e-4
        assert 0.49 < heard[0] < 2.01
    loud = replace(column, values=column.values * 1.9)
    assert gain(loud, draws()).values.abs().max() <= 1


def test_jitter_and_scale_are_gentle() -> None:
    column = signals(3, time=400)
    moved = (jitter(column, draws()).values - column.values)[column.mask]
    assert 0.09 < moved.std() < 0.11
    scaled = scale(column, draws()).values
    factor = (scaled / column.values).nan_to_num(1.0)
    assert 0.5 < factor.min() < 0.95
    assert 1.05 < factor.max() < 1.5
