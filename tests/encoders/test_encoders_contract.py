"""Every encoder, of every kind that it reads, keeps every promise."""

from pathlib import Path
from typing import Any

import pytest
import torch

from sensorium.core.batch import Column, Layout
from sensorium.core.describe import keywords
from sensorium.encoders import ENCODERS, Encoder
from sensorium.testing import check_encoder
from sensorium.testing.again import read_answer, write_job
from sensorium.testing.checks import same_bits, seeded
from sensorium.testing.process import run

ROWS = 5
SMALL: dict[str, dict[str, Any]] = {
    "AudioTransformer": {"depth": 1, "mels": 16},
    "ConvNet": {"stages": (4, 8)},
    "NGrams": {"buckets": 50},
    "ResNet": {"stages": (4, 8)},
    "SeriesCNN": {"features": 8},
    "Spectrogram": {"stages": (4, 8), "mels": 16},
    "Speech": {"depth": 1, "channels": 4, "mels": 16},
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


def small(name: str) -> Encoder:
    """Make an encoder small enough to try all promises in a second."""
    return ENCODERS[name](width=8, **SMALL.get(name, {}))


ELSEWHERE = {"Pretrained"}
"""They need a model to stand on, and keep their promises in files of their own."""
CASES = [
    (name, kind)
    for name, part in ENCODERS.items()
    if name not in ELSEWHERE
    for kind in sorted(part.kinds)
]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_every_encoder_keeps_its_promises(name: str, kind: str) -> None:
    layout = LAYOUTS[kind]
    check_encoder(lambda: small(name), layout, column_of(layout), new_process=False)


def test_a_new_process_gives_the_same_bits(tmp_path: Path) -> None:
    here = {}
    for name, kind in CASES:
        encoder, layout = small(name), LAYOUTS[kind]
        with seeded(0):
            encoder.setup(layout)
        folder = tmp_path / f"{name}-{kind}"
        folder.mkdir()
        write_job(folder, encoder.eval(), layout, column_of(layout))
        with torch.inference_mode():
            here[folder] = encoder(column_of(layout))
    run("sensorium.testing.again", "encode_again", tmp_path)
    assert [f.name for f, found in here.items() if not same_bits(found, read_answer(f))] == []


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_every_encoder_is_listed_under_its_own_name(name: str) -> None:
    assert ENCODERS[name].__name__ == name
    known = [keyword for keyword in keywords(ENCODERS[name]) if keyword != "source"]
    assert known[0] == "width"
