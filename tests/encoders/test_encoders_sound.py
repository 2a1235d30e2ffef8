"""Log-mel frames against numpy, and what the sound encoders do with them."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sensorium.core.batch import Column, Layout
from sensorium.encoders import AudioTransformer, Spectrogram
from sensorium.encoders.hearing import Hearing, centre, choose_hop, hide_bands, warp_bands
from sensorium.encoders.logmel import FLOOR, LogMel, mel_filters
from sensorium.nn import masked_max

RATE = 8_000.0


def reference(sound: NDArray[np.float64], mels: int, window: float, hop: float) -> NDArray:
    """Compute log-mel frames by numpy, frame by frame, from the definitions."""
    step, length = round(hop * RATE), round(window * RATE)
    points = 2 ** math.ceil(math.log2(2 * length))
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    padded = np.pad(sound, length)
    edges = 700 * (10 ** (np.linspace(*(2595 * np.log10(1 + np.array([20, RATE / 2]) / 700)),
                                      mels + 2) / 2595) - 1)  # fmt: skip
    grid = np.fft.rfftfreq(points, 1 / RATE)
    triangles = [np.interp(grid, edges[i : i + 3], [0, 1, 0]) for i in range(mels)]
    frames = []
    for centre_at in range(0, len(sound) + 1, step):
        start = centre_at + length - length // 2
        piece = padded[start : start + length] * hann / hann.sum()
        power = np.abs(np.fft.rfft(piece, points)) ** 2
        frames.append(np.log(FLOOR + np.array([power @ t for t in triangles])))
    return np.array(frames).T


def tone(hertz: float, seconds: float = 0.2) -> torch.Tensor:
    return torch.sin(2 * math.pi * hertz * torch.arange(int(seconds * RATE)) / RATE)


def test_log_mel_is_what_numpy_computes() -> None:
    sound = torch.rand(1, 1_000, generator=torch.Generator().manual_seed(0)).double() * 2 - 1
    layer = LogMel(RATE, mels=20, window=0.025, hop=0.010).double()
    found = layer(sound, torch.ones(1, 1_000, dtype=torch.bool))[0].numpy()
    expected = reference(sound[0].numpy(), 20, 0.025, 0.010)
    assert found.shape == expected.shape == (20, 13)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_a_tone_is_loudest_in_its_own_band() -> None:
    layer = LogMel(RATE, mels=40, window=0.032, hop=0.016)
    edges = 700 * (10 ** (torch.linspace(31.75, 2146.06, 42) / 2595) - 1)
    for hertz in (220.0, 880.0, 3_000.0):
        sound = tone(hertz).unsqueeze(0)
        loudest = layer(sound, torch.ones_like(sound, dtype=torch.bool))[0, :, 5].argmax()
        assert edges[loudest] < hertz < edges[loudest + 2]


def test_mel_filters_peak_at_one_and_leave_no_gap() -> None:
    filters = mel_filters(bins=4_001, rate=RATE, mels=16)
    assert filters.max() == pytest.approx(1, abs=0.02)
    inside = filters[filters[:, 0].argmax() : filters[:, -1].argmax()].sum(1)
    torch.testing.assert_close(inside, torch.ones_like(inside), atol=1e-4, rtol=0)


def test_silence_is_the_floor_and_stays_finite() -> None:
    layer = LogMel(RATE, mels=8, window=0.025, hop=0.010)
    frames = layer(torch.zeros(1, 400), torch.ones(1, 400, dtype=torch.bool))
    torch.testing.assert_close(frames, torch.full_like(frames, math.log(FLOOR)))
    quiet = centre(frames, layer.frames(torch.ones(1, 400, dtype=torch.bool)))
    assert quiet.abs().max() < 1e-5


def test_frames_are_real_while_their_middle_is() -> None:
    layer = LogMel(RATE, mels=8, window=0.025, hop=0.010)
    mask = torch.arange(400).expand(3, -1) < torch.tensor([[400], [81], [0]])
    assert layer.frames(mask).sum(1).tolist() == [5, 2, 1]


def test_words_get_ten_milliseconds_and_long_sounds_more() -> None:
    assert choose_hop(1.0) == choose_hop(2.0) == 0.010
    assert choose_hop(5.0) == pytest.approx(0.020)


def test_loudness_does_not_matter_far_above_the_floor() -> None:
    hear = Hearing(Layout("audio", length=1_600, rate=RATE), 8, 0.0, 0.0, 0.0).eval()
    noise = torch.randn(1, 1_600, generator=torch.Generator().manual_seed(0))
    there = torch.ones(1, 1_600, dtype=torch.bool)
    loud, soft = (hear(Column(s * noise, there, there[:, 0])).mels for s in (0.9, 0.3))
    torch.testing.assert_close(loud, soft, atol=1e-2, rtol=0)


def test_bands_are_hidden_in_each_row_its_own_and_never_too_wide() -> None:
    torch.manual_seed(0)
    hidden = hide_bands(torch.ones(200, 20, 30), share=0.2) == 0
    bands, frames = hidden.all(2).sum(1), hidden.all(1).sum(1)
    assert bands.max() <= 5
    assert frames.max() <= 7
    assert len(set(zip(bands.tolist(), frames.tolist(), strict=True))) > 10
    assert 0.02 < hidden.float().mean() < 0.25


def test_warped_bands_keep_their_order_and_move_by_no_more_than_the_share() -> None:
    torch.manual_seed(0)
    ramp = torch.arange(40.0).view(1, 40, 1).expand(100, 40, 3).contiguous()
    warped = warp_bands(ramp, share=0.1)
    torch.testing.assert_close(warped[:, 0], torch.zeros(100, 3))
    moved = (warped - ramp)[:, 30, 0]
    assert moved.abs().max() <= 3.0 + 1e-4
    assert moved.min() < -2
    assert moved.max() > 2
    assert (warped.diff(dim=1) >= 0).all()
    torch.testing.assert_close(warp_bands(ramp, share=0.0), ramp)


def test_bands_are_hidden_only_while_training() -> None:
    layout = Layout("audio", length=1_600, rate=RATE)
    hear = Hearing(layout, 8, 0.0, mask_share=0.5, warp_share=0.0)
    there = torch.ones(4, 1_600, dtype=torch.bool)
    column = Column(torch.randn(4, 1_600), there, there[:, 0])
    torch.manual_seed(0)
    once, again = hear(column).mels, hear(column).mels
    assert not torch.equal(once, again)
    hear.eval()
    assert torch.equal(hear(column).mels, hear(column).mels)


def test_the_mean_of_the_tokens_holds_mean_and_maximum_over_time() -> None:
    torch.manual_seed(0)
    encoder = Spectrogram(width=5, stages=(4, 6), dropout=0.0, mels=16)
    encoder.setup(Layout("audio", length=1_600, rate=RATE))
    encoder.eval()
    mask = torch.arange(1_600).expand(2, -1) < torch.tensor([[1_600], [700]])
    column = Column(torch.randn(2, 1_600), mask, mask[:, 0])
    kept: list[torch.Tensor] = []
    encoder.drop.register_forward_hook(lambda module, given, out: kept.append(out))
    found = encoder(column)
    steps, real = kept[0], found.mask
    mean = torch.stack([s[r].mean(0) for s, r in zip(steps, real, strict=True)])
    expected = encoder.mean(mean) + encoder.largest(masked_max(steps, real))
    torch.testing.assert_close(found.pooled(), expected)


@pytest.mark.parametrize("part", [Spectrogram, AudioTransformer])
def test_longer_sounds_give_more_tokens(part: type[Spectrogram] | type[AudioTransformer]) -> None:
    encoder = part(width=8)
    encoder.setup(Layout("audio", length=8_000, rate=RATE))
    counts = []
    for samples in (800, 8_000):
        there = torch.ones(1, samples, dtype=torch.bool)
        counts.append(
            int(encoder.eval()(Column(torch.zeros(1, samples), there, there[:, 0])).mask.sum())
        )
    assert counts[1] > 5 * counts[0]
