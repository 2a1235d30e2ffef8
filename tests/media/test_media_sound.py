from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from media_made import recorded, tone
from numpy.typing import NDArray

from sensorium.core.errors import CellError
from sensorium.media import read_sound

RATE = 8_000
SAMPLES = tone(0.5, RATE)
FORMS: dict[str, tuple[str, str, int, float]] = {
    "wav": ("WAV", "PCM_16", RATE, 1e-4),
    "wav 24": ("WAV", "PCM_24", RATE, 1e-4),
    "wav float": ("WAV", "FLOAT", RATE, 1e-6),
    "wav law": ("WAV", "ULAW", RATE, 0.03),
    "wavex": ("WAVEX", "PCM_16", RATE, 1e-4),
    "flac": ("FLAC", "PCM_16", RATE, 1e-4),
    "aiff": ("AIFF", "PCM_16", RATE, 1e-4),
    "au": ("AU", "PCM_16", RATE, 1e-4),
    "ogg": ("OGG", "VORBIS", RATE, 0.1),
    "opus": ("OGG", "OPUS", RATE, 0.1),
    "mp3": ("MP3", "MPEG_LAYER_III", RATE, 0.1),
}


def pitch_of(samples: NDArray[np.float32], rate: int) -> float:
    """Find the strongest frequency, Hz."""
    strength = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(strength)) * rate / len(samples)


@pytest.mark.parametrize("form", FORMS)
def test_formats_give_the_samples_back(form: str, tmp_path: Path) -> None:
    kind, subtype, rate, within = FORMS[form]
    file = tmp_path / "sound"
    file.write_bytes(recorded(SAMPLES, kind, rate, subtype))
    for cell in (file, str(file), file.read_bytes()):
        found = read_sound(cell, RATE)
        assert found.dtype == np.float32
        assert len(found) == len(SAMPLES)
        if within < 0.05:
            np.testing.assert_allclose(found, SAMPLES, atol=within)
        assert abs(pitch_of(found, RATE) - 440) < 5


def test_channels_are_mixed_to_one() -> None:
    both = np.stack([SAMPLES, -0.5 * SAMPLES], 1)
    expected = SAMPLES / 4
    for cell in (recorded(both, subtype="FLOAT"), both, both.T, torch.from_numpy(both.T.copy())):
        np.testing.assert_allclose(read_sound(cell, RATE), expected, atol=1e-6)


def test_another_rate_is_resampled() -> None:
    for found_rate in (11_025, 44_100, 4_000):
        samples = tone(0.5, found_rate)
        cells: list[Any] = [
            recorded(samples, rate=found_rate),
            {"array": samples, "sampling_rate": found_rate},
        ]
        for cell in cells:
            found = read_sound(cell, RATE)
            assert abs(len(found) - 0.5 * RATE) <= 1
            assert abs(pitch_of(found, RATE) - 440) < 5
            assert 0.45 < np.abs(found).max() <= 0.6


def test_integers_are_levels() -> None:
    level = np.array([0, 64, -128], np.int8)
    expected = np.array([0, 0.5, -1], np.float32)
    np.testing.assert_allclose(read_sound(level, RATE), expected)
    np.testing.assert_allclose(read_sound(level.astype(np.int16) * 256, RATE), expected)
    np.testing.assert_allclose(read_sound(level.astype(np.int32) * 2**24, RATE), expected)
    np.testing.assert_allclose(read_sound(np.array([128, 192, 0], np.uint8), RATE), expected)


def test_a_long_sound_is_cut_to_its_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    ramp = np.linspace(-1, 1, 9_001).astype(np.float32)
    middle = ramp[4_000:5_000]
    for block in (2**18, 700):
        monkeypatch.setattr("sensorium.media.sound.BLOCK", block)
        for cell in (recorded(ramp, subtype="FLOAT"), ramp):
            found = read_sound(cell, RATE, seconds=1_000 / RATE)
            np.testing.assert_allclose(found, middle, atol=1e-6)


def test_overshoot_is_clipped_and_nonsense_refused() -> None:
    loud = np.array([0.5, 1.2, -1.2], np.float32)
    for cell in (loud, recorded(loud, subtype="FLOAT")):
        np.testing.assert_allclose(read_sound(cell, RATE), [0.5, 1, -1])
    for cell in (loud * 1e4, recorded(loud * 1e4, subtype="FLOAT")):
        with pytest.raises(CellError, match="samples up to 12000"):
            read_sound(cell, RATE)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused_wherever_they_stand(bad: float) -> None:
    samples = np.zeros(4_000, np.float32)
    samples[-1] = bad
    for cell in (samples, recorded(samples, subtype="FLOAT")):
        with pytest.raises(CellError, match="NaN or inf"):
            read_sound(cell, RATE, seconds=0.1 if isinstance(cell, bytes) else 9)


@pytest.mark.parametrize("form", FORMS)
def test_a_shortened_sound_is_refused_wherever_it_is_cut(form: str) -> None:
    kind, subtype, rate, _ = FORMS[form]
    data = recorded(tone(1.0, rate), kind, rate, subtype)
    for share in np.linspace(0.01, 0.98, 20):
        with pytest.raises(CellError) as fault:
            read_sound(data[: max(1, int(len(data) * share))], RATE)
        assert fault.value.advice


@pytest.mark.parametrize("form", ["FLAC", "OGG"])
def test_a_flipped_bit_is_refused_where_the_format_has_checksums(form: str) -> None:
    data = recorded(tone(1.0), form)
    for place in np.linspace(len(data) * 0.5, len(data) - 10, 12).astype(int):
        damaged = bytearray(data)
        damaged[place] ^= 4
        with pytest.raises(CellError):
            read_sound(bytes(damaged), RATE)


def test_an_ogg_that_lost_a_page_is_refused() -> None:
    data = recorded(np.random.default_rng(0).normal(0, 0.2, 40_000).astype(np.float32), "OGG")
    starts = [place for place in range(len(data)) if data.startswith(b"OggS", place)]
    assert len(starts) > 4
    with pytest.raises(CellError, match="after page"):
        read_sound(data[: starts[-1]], RATE)
    with pytest.raises(CellError, match="lost"):
        read_sound(data[: starts[-2]] + data[starts[-2] + 30 :], RATE)


def test_a_header_that_claims_hours_is_refused_before_decoding() -> None:
    data = bytearray(recorded(SAMPLES, "FLAC"))
    data[21] |= 15  # the highest bits of the number of samples
    data[22:26] = b"\xff" * 4
    with pytest.raises(CellError, match="8,589,935 s, more than the 3,600 s") as fault:
        read_sound(bytes(data), RATE)
    assert "max_seconds" in fault.value.advice
    for cell in (SAMPLES, recorded(SAMPLES)):
        read_sound(cell, RATE, max_seconds=0.5)
        with pytest.raises(CellError, match="more than the"):
            read_sound(cell, RATE, max_seconds=0.49)


def test_more_samples_than_can_be_decoded_in_seconds_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sensorium.media.sound.MOST_SAMPLES", 7_999)
    read_sound(recorded(SAMPLES), RATE)
    with pytest.raises(CellError, match="8,000 samples, more than the 7,999"):
        read_sound(recorded(np.stack([SAMPLES, SAMPLES], 1)), RATE)


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        (recorded(np.zeros(0, np.float32)), "zero samples"),
        (np.zeros(0), "zero samples"),
        (np.zeros((0, 2)), "zero samples"),
        (np.zeros((3, 4, 5)), "shape (3, 4, 5)"),
        (np.zeros((300, 300)), "shape (300, 300)"),
        ({"array": np.zeros(9), "sampling_rate": 0}, "sampling_rate of 0"),
        ({"array": np.zeros(9), "sampling_rate": None}, "sampling_rate of None"),
        ({"array": np.zeros(9), "sampling_rate": 1e99}, "sampling_rate of 1e+99"),
        (b"no sound at all, just words", "not a sound"),
        (bytes(100), "not a sound"),
        (recorded(SAMPLES, "CAF"), "format CAF"),
        (recorded(SAMPLES)[:48], "4 bytes of the 8,000 that it declares"),
        ("words.wav", "no such file"),
        (object(), "a object"),
    ],
)
def test_what_is_no_sound_is_named(cell: object, found: str) -> None:
    with pytest.raises(CellError) as fault:
        read_sound(cell, RATE)
    assert found in fault.value.found
    assert fault.value.advice


def test_random_damage_never_gives_anything_but_a_sound_or_a_fault() -> None:
    rng = np.random.default_rng(0)
    for form in ("WAV", "FLAC", "OGG", "AIFF", "AU"):
        data = recorded(SAMPLES, form)
        for _ in range(40):
            damaged = bytearray(data)
            for place in rng.integers(min(len(data), 400), size=3):
                damaged[place] = rng.integers(256)
            try:
                found = read_sound(bytes(damaged), RATE, seconds=1, max_seconds=60)
            except CellError:
                continue
            assert 1 <= len(found) <= RATE
            assert np.abs(found).max() <= 1
