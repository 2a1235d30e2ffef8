"""Parts as plain data."""

import json

import numpy as np

from sensorium.core.describe import build, describe, plain
from sensorium.core.schema import FIELDS, Image


def test_single_values_of_numpy_become_pythons_own() -> None:
    found = plain({"size": np.int64(8), "rates": (np.float32(0.5), np.bool_(True))})
    assert json.dumps(found) == '{"size": 8, "rates": [0.5, true]}'


def test_a_field_is_built_again_from_its_description() -> None:
    field = Image(size=16, fit="pad")
    assert build(describe(field), FIELDS) == field
