"""The picture of a path: a PNG that shows the path where it is."""

import io

import numpy as np
from PIL import Image

from sensorium.align import dtw, plot_path


def test_it_is_a_png_that_shows_the_path() -> None:
    x, y = np.sin(np.linspace(0, 6, 40)), np.sin(np.linspace(0, 6, 60) ** 1.1 / 1.2)
    cost = np.abs(x[:, None] - y)
    plain = plot_path(dtw(cost), cost, "photo", "caption")
    picture = np.asarray(Image.open(io.BytesIO(plain)).convert("RGB")).astype(int)
    orange = np.abs(picture - (0xD5, 0x84, 0x34)).sum(2) < 30
    assert picture.shape[0] > 400
    assert 500 < orange.sum() < picture[..., 0].size / 10
    assert plain == plot_path(dtw(cost), cost, "photo", "caption")


def test_forbidden_pairs_and_single_steps_can_be_drawn() -> None:
    cost = np.zeros((3, 3))
    cost[0, 2] = np.inf
    assert plot_path(dtw(cost), cost).startswith(b"\x89PNG")
    assert plot_path(dtw(cost[:1, :1]), cost[:1, :1]).startswith(b"\x89PNG")
