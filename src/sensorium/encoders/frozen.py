"""The frozen part of an encoder: the name of its features, and how they are made."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from sensorium.core.batch import Column
from sensorium.core.describe import describe
from sensorium.encoders.encoder import Encoder

OWN = {"dropout", "hub", "layer_decay", "pace", "project", "source", "width"}
"""Keywords of an encoder that change nothing of what its frozen part gives."""


def features_name(encoder: Encoder, frozen: nn.Module, *said: Any) -> str:
    """Name the features of a frozen part: the sha256 of all that they depend on.

    Args:
        encoder: the encoder.
        frozen: its frozen part; its weights count.
        said: JSON data that describes how the cells are prepared.
    """
    own = {key: value for key, value in describe(encoder).items() if key not in OWN}
    return content_name([own, encoder.state(), *said], frozen)


def content_name(said: Any, module: nn.Module) -> str:
    """Give the sha256 of JSON data and of a module's weights and buffers."""
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for name, weight in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def extracting(encoder: Encoder) -> Callable[[Column], Column]:
    """Give a function that makes features of a column: in use, where the weights are."""

    def run(column: Column) -> Column:
        was_training = encoder.training
        encoder.eval()
        found = encoder.extract(column.to(next(encoder.parameters()).device))
        encoder.train(was_training)
        return found

    return run
