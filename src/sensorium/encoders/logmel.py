"""Log-mel spectrograms, computed in the model by torch.stft. Has no weights.

Legend: batch = sounds, samples = time at the sound's rate, frames = time at the hop,
mels = frequency bands of equal width to the ear (O'Shaughnessy 1987, the form HTK uses).
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

FLOOR = 1e-6
"""Power below which everything is silence; full scale is about 1."""


def mel(hertz: Tensor) -> Tensor:
    """Turn hertz into mels: 2595 log10(1 + f / 700)."""
    return 2595 * torch.log10(1 + hertz / 700)


def mel_filters(
    bins: int, rate: float, mels: int, lowest: float = 20.0
) -> Float[Tensor, " bins mels"]:
    """Make triangles, each rising from its left neighbour's peak and falling to its right's.

    Args:
        bins: frequencies of the transform, from 0 to rate / 2.
        rate: samples a second, Hz.
        mels: how many triangles, from ``lowest`` Hz to rate / 2.
        lowest: where the first triangle starts, Hz.
    """
    grid = torch.linspace(0, rate / 2, bins, dtype=torch.float64)
    ends = mel(torch.tensor([lowest, rate / 2], dtype=torch.float64))
    steps = torch.linspace(0, 1, mels + 2, dtype=torch.float64)
    edges = 700 * (10 ** ((ends[0] + (ends[1] - ends[0]) * steps) / 2595) - 1)
    left, peak, right = edges[:-2], edges[1:-1], edges[2:]
    rising = (grid[:, None] - left) / (peak - left)
    falling = (right - grid[:, None]) / (right - peak)
    return torch.minimum(rising, falling).clamp(min=0).float()


class LogMel(nn.Module):
    """Sound to log-mel frames; frame t is centred on sample t * hop.

    Args:
        rate: samples a second, Hz.
        mels: frequency bands.
        window: length of the Hann window, seconds.
        hop: from one frame to the next, seconds.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, rate: float, mels: int, window: float, hop: float) -> None:
        super().__init__()
        self.hop = max(1, round(hop * rate))
        length = max(2, round(window * rate))
        self.points = 2 ** math.ceil(math.log2(2 * length))
        hann = torch.hann_window(length)
        self.register_buffer("window", hann / hann.sum(), persistent=False)
        filters = mel_filters(self.points // 2 + 1, rate, mels)
        self.register_buffer("filters", filters, persistent=False)

    def forward(
        self, sound: Float[Tensor, " batch samples"], mask: Bool[Tensor, " batch samples"]
    ) -> Float[Tensor, " batch mels frames"]:
        """Compute log(FLOOR + mel power) of each frame.

        Args:
            sound: samples from -1 to 1.
            mask: which samples are real; the others count as silence.
        """
        with torch.autocast(sound.device.type, enabled=False):
            heard = (sound * mask).to(self.window.dtype)
            spectrum = torch.stft(
                heard,
                self.points,
                self.hop,
                len(self.window),
                self.window,
                pad_mode="constant",
                return_complex=True,
            )
            power = spectrum.real.square() + spectrum.imag.square()
            return torch.log(FLOOR + power.transpose(1, 2) @ self.filters).transpose(1, 2)

    def frames(self, mask: Bool[Tensor, " batch samples"]) -> Bool[Tensor, " batch frames"]:
        """Tell which frames are centred on a real sample; the first always is."""
        count = 1 + mask.shape[1] // self.hop
        real = torch.zeros(len(mask), count, dtype=torch.bool, device=mask.device)
        seen = mask[:, :: self.hop]
        real[:, : seen.shape[1]] = seen
        real[:, 0] = True
        return real
