"""Every encoder, of every kind that it reads, keeps every promise."""

import json
from pathlib import Path

import pytest
import torch

from sensorium.core.batch import Column, Layout
from sensorium.encoders import ENCODERS, Encoder
from sensorium.testing import check_encoder

ROWS = 5
SMALL: dict[str, dict[str, object]] = {
    "AudioTransformer": {"depth": 1, "mels": 16},
    "ConvNet": {"stages": (4, 8)},
    "NGrams": {"buckets": 50},
    "ResNet": {"stages": (4, 8)},
    "Spectrogram": {"stages": (4, 8), "mels": 16},
    "ViT": {"depth": 1},
}
LAYOUTS = {
    "audio": Layout("audio", length=1_600, rate=8_000.0),
    "category": Layout("category", vocabulary=7),
    "date": Layout("date", channels=9),
    "flag": Layout("flag", vocabulary=2),
    "image": Layout("image", channels=3, length=16),
    "number": Layout("number", edges=(-1.5, -0.5, 0.0, 0.25, 2.0)),
    "series": Layout("series", channels=3, length=150),
    "text": Layout("text", vocabulary=30, length=12),
    "vector": Layout("vector", channels=6),
}


def values_of(layout: Layout) -> torch.Tensor:
    """Make values of a kind; sequences as long as they may be."""
    generator = torch.Generator().manual_seed(0)
    match layout.kind:
        case "audio":
            return torch.rand(ROWS, layout.length, generator=generator) * 2 - 1
        case "image":
            shape = (ROWS, layout.channels, layout.length, layout.length)
            return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
        case "series":
            return torch.randn(ROWS, layout.length, layout.channels, generator=generator)
        case "text":
            return torch.randint(1, layout.vocabulary, (ROWS, layout.length), generator=generator)
        case "category" | "flag":
            return torch.randint(0, layout.vocabulary, (ROWS, 1), generator=generator)
    return torch.randn(ROWS, layout.channels, generator=generator)


def column_of(layout: Layout) -> Column:
    """Make a column of which every row is present."""
    values = values_of(layout)
    steps = layout.length if layout.kind in ("audio", "series", "text") else 1
    return Column(
        values, torch.ones(ROWS, steps, dtype=torch.bool), torch.ones(ROWS, dtype=torch.bool)
    )


CASES = [(name, kind) for name, part in ENCODERS.items() for kind in sorted(part.kinds)]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_every_encoder_keeps_its_promises(name: str, kind: str) -> None:
    def make() -> Encoder:
        return ENCODERS[name](width=8, **SMALL.get(name, {}))

    check_encoder(make, LAYOUTS[kind], column_of(LAYOUTS[kind]), new_process=False)
