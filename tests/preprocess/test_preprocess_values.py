"""Numbers, dates, series, vectors, pictures and sounds: what they become, against known values."""

import datetime as dt
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.core.errors import CellError
from sensorium.core.schema import Audio, Category, Date, Image, Number, Series, Vector
from sensorium.preprocess.audio import AudioStep
from sensorium.preprocess.category import CategoryStep
from sensorium.preprocess.date import DateStep
from sensorium.preprocess.image import ImageStep
from sensorium.preprocess.number import NumberStep
from sensorium.preprocess.series import SeriesStep
from sensorium.preprocess.tags import TagsStep
from sensorium.preprocess.vector import VectorStep

SCALINGS: tuple[Any, ...] = ("standard", "quantile", "log", "none")


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1,200.5", 1200.5),
        ("-1,234,567", -1_234_567.0),
        (" +3e2\n", 300.0),
        (".5", 0.5),
        ("１２", 12.0),
        (True, 1.0),
        (10**20, 1e20),
        (np.float32(0.5), 0.5),
        (dt.timedelta(minutes=2), 120.0),
    ],
)
def test_numbers_are_read_as_people_write_them(cell: Any, value: float) -> None:
    assert NumberStep(Number()).read(cell) == value


def test_standard_numbers_have_mean_0_and_deviation_1() -> None:
    cells = [3.0, None, 5.0, 10.0]
    column = NumberStep(Number()).fit(cells)(cells)
    known = np.array([3.0, 5.0, 10.0])
    expected = (known - known.mean()) / known.std()
    np.testing.assert_allclose(column.values[column.present].squeeze(1), expected, rtol=1e-6)
    assert column.values[1] == 0


def test_log_numbers_are_log1p_and_odd() -> None:
    step = NumberStep(Number(scaling="log")).fit([0.0, 1.0, 9.0])
    logs = np.log1p([0.0, 1.0, 9.0])
    expected = (logs - logs.mean()) / logs.std()
    np.testing.assert_allclose(step([0.0, 1.0, 9.0]).values.squeeze(1), expected, rtol=1e-5)
    assert step([-4.0]).values < step([-3.0]).values < step([3.0]).values


def test_quantile_numbers_are_normal() -> None:
    values = (np.arange(1_001.0) ** 3).tolist()
    step = NumberStep(Number(scaling="quantile")).fit(values)
    found = step(values).values.squeeze(1).numpy()
    expected = [NormalDist().inv_cdf((i + 0.5) / 1_001) for i in range(1_001)]
    np.testing.assert_allclose(found[50:-50], expected[50:-50], atol=0.02)
    assert (np.diff(found) >= 0).all()
    tied = NumberStep(Number(scaling="quantile")).fit([0.0] * 50 + [1.0] * 50)
    low, high = tied([0.0, 1.0]).values.squeeze(1).tolist()
    assert low == pytest.approx(NormalDist().inv_cdf(0.25), abs=0.02)
    assert high == pytest.approx(-low, abs=1e-6)


@pytest.mark.parametrize("scaling", SCALINGS)
@given(values=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
@settings(max_examples=40, deadline=None)
def test_scaling_is_undone(scaling: Any, values: list[float]) -> None:
    step = NumberStep(Number(scaling=scaling)).fit(values)
    scaled = step.scaling(np.array(values))
    spread = max(values) - min(values)
    for back in (step.inverse(scaled), step.inverse(scaled.astype(np.float32))):
        np.testing.assert_allclose(back, values, rtol=1e-4, atol=1e-3 * max(1.0, spread))


@pytest.mark.parametrize("scaling", SCALINGS)
def test_no_number_becomes_infinite(scaling: Any) -> None:
    step = NumberStep(Number(scaling=scaling)).fit([1.0, 1.0 + 1e-9, 2.0])
    extremes = step([3e38, -3e38, 1e-45, 0.0]).values
    assert torch.isfinite(extremes).all()
    constant = NumberStep(Number(scaling=scaling)).fit([7.0] * 5)
    assert torch.isfinite(constant([7.0, 8.0]).values).all()
    assert constant.inverse(np.array([0.0])).shape == (1,)


def test_quantile_targets_beyond_the_training_range_keep_their_value() -> None:
    scaling = NumberStep(Number(scaling="quantile")).fit([float(n) for n in range(101)]).scaling
    far = np.array([-1e6, -3.0, 0.0, 37.5, 100.0, 130.0, 1e6])
    scaled = scaling(far)
    assert (np.diff(scaled) > 0).all()
    assert np.abs(scaled).max() < 15, "an outlier stays near"
    assert np.isfinite(scaling(np.array([-1e308, 1e308]))).all()
    assert np.isfinite(scaling.inverse(np.array([-800.0, 800.0]))).all()
    assert scaling.inverse(scaled) == pytest.approx(far, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_edges_are_quantiles_of_the_scaled_values(scaling: Any) -> None:
    values = np.random.default_rng(0).lognormal(size=500)
    step = NumberStep(Number(scaling=scaling)).fit(values.tolist())
    edges = np.array(step.layout.edges)
    scaled = step.scaling(values)
    assert len(edges) == 33
    assert (np.diff(edges) > 0).all()
    assert edges[0] == pytest.approx(scaled.min())
    assert edges[-1] == pytest.approx(scaled.max())
    assert edges[16] == pytest.approx(np.median(scaled), abs=1e-6)


def test_dates_turn_round() -> None:
    cells = [dt.datetime(2024, 1, 1), dt.datetime(2024, 7, 1, 6), dt.datetime(2025, 1, 1)]
    step = DateStep(Date()).fit(cells)
    first, half, next_year = step(cells).values.numpy()
    np.testing.assert_allclose(first[:2], [0, 1], atol=1e-6)  # January: sine 0, cosine 1
    np.testing.assert_allclose(half[:2], [0, -1], atol=1e-6)  # July lies opposite
    np.testing.assert_allclose(first[:4], next_year[:4], atol=1e-6)
    np.testing.assert_allclose(first[4:6], [0, 1], atol=1e-6)  # a Monday
    np.testing.assert_allclose(half[6:8], [1, 0], atol=1e-6)  # six in the morning
    assert first[8] < half[8] < next_year[8]
    days = np.array([0, 182.25, 366])
    expected = (days - days.mean()) / days.std()
    np.testing.assert_allclose([first[8], half[8], next_year[8]], expected, atol=1e-4)


def test_dates_keep_the_reading_of_the_clock() -> None:
    step = DateStep(Date())
    assert step.read("2024-03-31T18:05:59+09:00") == dt.datetime(2024, 3, 31, 18, 5, 59)
    assert step.read("2024-03") == dt.datetime(2024, 3, 1)
    assert DateStep(Date(form="%d/%m/%y %H")).read("1/2/24 7") == dt.datetime(2024, 2, 1, 7)
    with pytest.raises(CellError, match="form '%d"):
        DateStep(Date(form="%d/%m/%y")).read("2024-02-01")


def test_long_series_are_averaged_down() -> None:
    step = SeriesStep(Series(max_steps=4))
    clean = step.read(np.arange(16.0).reshape(8, 2))
    np.testing.assert_allclose(clean, [[1, 2], [5, 6], [9, 10], [13, 14]])
    uneven = step.read(np.arange(10.0))
    assert uneven.shape == (4, 1)
    assert uneven[:, 0].tolist() == [0.5, 3.0, 5.5, 8.0]


def test_series_are_standardised_by_channel(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    signals = [rng.normal([5, -3], [2, 0.1], (length, 2)) for length in (30, 50, 20)]
    file = tmp_path / "signal.npy"
    np.save(file, signals[0])
    step = SeriesStep(Series())
    clean = [step.read(cell) for cell in (file, signals[1], signals[2].tolist())]
    column = step.fit(clean)(clean)
    values = column.values[column.mask].numpy()
    np.testing.assert_allclose(values.mean(0), [0, 0], atol=1e-5)
    np.testing.assert_allclose(values.std(0), [1, 1], atol=1e-5)
    assert step.layout.channels == 2
    assert not column.values[~column.mask].any()


def test_a_series_or_vector_of_another_shape_is_damaged_only_after_fitting() -> None:
    series = SeriesStep(Series()).fit([np.ones((3, 2), np.float32)] * 2)
    assert series.read([1, 2, 3]).shape == (3, 1)
    with pytest.raises(CellError, match="1 channel, the training rows have 2"):
        series.check(series.read([1, 2, 3]))
    vector = VectorStep(Vector())
    clean = [vector.read(cell) for cell in ([1, 2], [3, 5], [9])]
    vector.fit(clean)
    assert vector.layout.channels == 2
    np.testing.assert_allclose(vector(clean[:2]).values, [[-1, -1], [1, 1]], atol=1e-6)
    with pytest.raises(CellError, match="a vector of 1 number, the training rows have 2"):
        vector.check(clean[2])


def test_categories_are_sorted_and_the_unknown_is_last() -> None:
    step = CategoryStep(Category()).fit(["b", "a", None, "c", "b"])
    assert step.classes == ("a", "b", "c")
    assert step.counts == (1, 2, 1)
    assert step(["c", "new", None, "a"]).values.squeeze(1).tolist() == [2, 3, 0, 0]
    assert step.layout.vocabulary == 4
    numbers = CategoryStep(Category()).fit(["10", "9", "-1", "2.5"])
    assert numbers.classes == ("-1", "2.5", "9", "10")
    rare = CategoryStep(Category(least=2)).fit(["a", "b", "b"])
    assert rare.classes == ("b",)


def test_tags_are_marked() -> None:
    step = TagsStep(Category(many=True, separator=","))
    clean = [step.read(cell) for cell in ("b,a", ["c"], [], "a, new ,a", None)]
    step.fit(clean[:3])
    column = step(clean)
    assert step.classes == ("a", "b", "c")
    assert column.values.tolist() == [[1, 1, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert column.present.tolist() == [True, True, True, True, False]


def test_sounds_are_kept_in_16_bits_and_padded(tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    samples = np.linspace(-1, 1, 900)
    soundfile.write(file, samples, 1_000)
    step = AudioStep(Audio(rate=1_000, seconds=0.5))
    clean = [step.read(file), step.read(samples[:300]), None]
    assert clean[0].dtype == np.int16
    column = step(clean)
    assert column.values.shape == (3, 500)
    assert column.mask.sum(1).tolist() == [500, 300, 0]
    np.testing.assert_allclose(column.values[0], samples[200:700], atol=1e-4)
    assert (step.layout.rate, step.layout.length) == (1_000, 500)


def test_pictures_stay_bytes() -> None:
    step = ImageStep(Image(size=8, fit="stretch"))
    clean = step.read(np.full((30, 20, 3), 77, np.uint8))
    column = step([clean, None])
    assert column.values.dtype == torch.uint8
    assert (column.values[0] == 77).all()
    assert column.mask.tolist() == [[True], [False]]
    assert (step.layout.length, step.layout.channels) == (8, 3)
