"""Long recordings in windows: nothing lost, nothing too long, and never all of it in memory."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from media_made import recorded, tone

from sensorium.core.errors import CellError
from sensorium.media import windows as module
from sensorium.media.windows import BLOCK, quietest, windows

RATE = 1_000


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3 * BLOCK), st.floats(0.001, 90.0), st.integers(0, 5))
def test_windows_tile_the_recording(samples: int, seconds: float, seed: int) -> None:
    whole = noise(samples, seed)
    whole[:: max(1, samples // 7)] = 0.0
    seconds = max(seconds, samples / RATE / 200)  # not too many of them
    found = list(windows(whole, RATE, seconds))
    assert np.array_equal(np.concatenate([w.samples for w in found]), whole)
    place = 0
    for window in found:
        assert window.start == place / RATE
        assert len(window.samples) >= 1
        assert len(window.samples) / RATE <= max(seconds, 1 / RATE)
        place += len(window.samples)


def test_no_window_is_longer_though_the_product_of_floats_is_odd() -> None:
    for seconds, rate in ((0.33333, 8_000), (2.3, 16_000), (1.1, 11_025), (0.7, 44_100)):
        longest = max(len(w.samples) for w in windows(noise(5 * rate), rate, seconds))
        assert longest <= seconds * rate + 1e-6
    exact = [len(w.samples) for w in windows(np.zeros(36_800, np.float32), 16_000, 2.3)]
    assert exact == [36_800]


def test_cuts_lie_where_it_is_quiet() -> None:
    whole = noise(10 * RATE)
    pauses = [(1.8, 1.9), (3.5, 3.6), (5.2, 5.3), (7.0, 7.1), (8.75, 8.9)]
    for start, end in pauses:
        whole[int(start * RATE) : int(end * RATE)] *= 0.001
    found = list(windows(whole, RATE, 2.0))
    assert len(found) == len(pauses) + 1
    for window, (start, end) in zip(found[1:], pauses, strict=True):
        assert start <= window.start <= end


def test_the_quietest_place_is_looked_for_toward_the_end() -> None:
    whole = noise(RATE)
    whole[100:200] = 0.0  # too early
    whole[700:720] *= 0.1
    assert 700 <= quietest(whole, RATE) <= 720
    silent = np.zeros(RATE, np.float32)
    assert 980 <= quietest(silent, RATE) <= RATE  # of equals the last, so that windows are long
    assert quietest(np.ones(5, np.float32), RATE) == 5
    assert quietest(np.ones(1, np.float32), 10) == 1


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG"])
@pytest.mark.parametrize("way", ["file", "bytes", "dict", "uri"])
def test_it_reads_whatever_holds_a_sound(tmp_path: Path, form: str, way: str) -> None:
    content = recorded(tone(3.0, 8_000), form, 8_000)
    file = tmp_path / f"a.{form.lower()}"
    file.write_bytes(content)
    cell: Any = {
        "file": file,
        "bytes": content,
        "dict": {"bytes": content, "path": None},
        "uri": "data:audio/x;base64," + base64.b64encode(content).decode(),
    }[way]
    found = list(windows(cell, 8_000, 1.0))
    assert len(found) > 2
    whole = np.concatenate([window.samples for window in found])
    assert np.allclose(whole, soundfile.read(file, dtype="float32")[0], atol=1e-6)


def test_arrays_come_at_the_rate_or_say_theirs() -> None:
    whole = tone(3.0, 8_000)
    assert sum(len(w.samples) for w in windows(whole, 8_000, 1.0)) == 24_000
    assert sum(len(w.samples) for w in windows(whole.tolist(), 8_000, 1.0)) == 24_000
    said = {"array": whole, "sampling_rate": 8_000}
    assert sum(len(w.samples) for w in windows(said, 4_000, 1.0)) == 12_000
    stereo = np.stack([whole, -whole])
    assert all(not w.samples.any() for w in windows(stereo, 8_000, 1.0))


@pytest.mark.parametrize("there", [8_000, 11_025, 44_100, 48_000])
def test_resampling_keeps_length_and_pitch(there: int) -> None:
    content = recorded(tone(4.0, there), rate=there)
    found = list(windows(content, 16_000, 1.5))
    whole = np.concatenate([window.samples for window in found])
    assert abs(len(whole) - 64_000) <= 2
    loudest = np.abs(np.fft.rfft(whole)).argmax() * 16_000 / len(whole)
    assert loudest == pytest.approx(440.0, abs=1.0)


def test_it_is_lazy_and_its_memory_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three hours, of which no more is read than is needed for the next window."""
    rate, hours = 1_000, 3
    read = []

    def blocks(recording: Any, wanted: int) -> Iterator[np.ndarray]:
        for number in range(hours * 3_600 * rate // BLOCK):
            read.append(number)
            yield noise(BLOCK, number % 3)

    monkeypatch.setattr(module, "_blocks", blocks)
    found = windows("a name", rate, 30.0)
    assert read == []
    first = next(found)
    assert len(read) == 1
    ends, longest = first.start + len(first.samples) / rate, 0
    for count, window in enumerate(found):
        assert window.start == pytest.approx(ends)
        ends = window.start + len(window.samples) / rate
        base = window.samples.base
        longest = max(longest, len(window.samples if base is None else base))
        assert len(read) * BLOCK <= (count + 2) * 30 * rate + 2 * BLOCK
    assert ends == pytest.approx(hours * 3_600 * rate // BLOCK * BLOCK / rate)
    assert longest <= BLOCK + 30 * rate


def test_three_hours_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "long.flac"
    with soundfile.SoundFile(file, "w", RATE, 1, format="FLAC") as out:
        for number in range(3 * 60):
            out.write(noise(60 * RATE, number % 2))
    found = [(w.start, len(w.samples)) for w in windows(file, RATE, 30.0)]
    assert found[-1][0] + found[-1][1] / RATE == 3 * 3_600
    assert max(length for _, length in found) <= 30 * RATE
    assert len(found) < 3 * 3_600 / (30 * 0.6) + 1


def test_no_samples_give_no_windows() -> None:
    assert list(windows(recorded(np.zeros(0, np.float32)), 8_000, 1.0)) == []
    assert list(windows(np.zeros(0, np.float32), 8_000, 1.0)) == []
    assert list(windows({"array": [], "sampling_rate": 8_000}, 8_000, 1.0)) == []


def test_what_is_no_sound_is_said(tmp_path: Path) -> None:
    shortened = recorded(tone(3.0))[:20_000]
    broken = tmp_path / "broken.wav"
    broken.write_bytes(shortened)
    bad = np.array([0.1, np.nan], np.float32)
    for cell in (b"not a sound", shortened, broken, tmp_path / "none.wav", tmp_path, None, 7,
                 bad, np.full(9, 50.0), recorded(bad, subtype="FLOAT")):  # fmt: skip
        with pytest.raises(CellError):
            list(windows(cell, 8_000, 1.0))
