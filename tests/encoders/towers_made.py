"""What the tests of pretrained networks share: columns, and an encoder made again from its data."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from sensorium.core.batch import Column, Layout
from sensorium.core.describe import build, describe
from sensorium.encoders import ENCODERS, Encoder
from sensorium.testing.checks import seeded

MODELS = Path(os.environ.get("SENSORIUM_MODELS", Path.home() / ".cache" / "sensorium-models"))


def real(name: str) -> pytest.MarkDecorator:
    """Skip a test where a starter model is not at hand."""
    return pytest.mark.skipif(not (MODELS / name).is_dir(), reason=f"needs {name} in {MODELS}")


def pictures(side: int, channels: int = 3, rows: int = 5) -> Column:
    generator = torch.Generator().manual_seed(0)
    shape = (rows, channels, side, side)
    values = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return Column(values, torch.ones(rows, 1, dtype=torch.bool), torch.ones(rows, dtype=torch.bool))


def sequences(values: torch.Tensor) -> Column:
    """Make a column of rows that are all whole."""
    return Column(
        values,
        torch.ones(values.shape, dtype=torch.bool),
        torch.ones(len(values), dtype=torch.bool),
    )


def ready(encoder: Encoder, layout: Layout) -> Encoder:
    with seeded(0):
        encoder.setup(layout)
    return encoder.eval()


def made_again(encoder: Encoder, layout: Layout) -> Encoder:
    """Make it from its description, its state and its weights, all of them as bytes."""
    fresh: Encoder = build(json.loads(json.dumps(describe(encoder))), dict(ENCODERS))
    fresh.restore(json.loads(json.dumps(encoder.state())))
    with seeded(99):
        fresh.setup(layout)
    weights = {name: weight.contiguous() for name, weight in encoder.state_dict().items()}
    fresh.load_state_dict(load(save(weights)))
    return fresh.eval()
