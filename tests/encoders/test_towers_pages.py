"""Pages keep their shape: Donut's own processor lays them into the same place."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pictures

from sensorium.core.batch import Column
from sensorium.core.schema import Image
from sensorium.encoders.towers import open_tower, remade_tower
from sensorium.encoders.towers.framing import Framing, laid
from sensorium.encoders.towers.image import seen_by
from sensorium.preprocess.image import ImageStep
from tiny_models import made

transformers = pytest.importorskip("transformers")
SHAPES = [(300, 200), (200, 300), (240, 180), (200, 200), (500, 120), (90, 70), (120, 500)]
SAID: dict[str, Any] = {
    "image_processor_type": "DonutImageProcessor", "size": [72, 96], "do_align_long_axis": False,
    "do_thumbnail": True, "do_pad": True, "do_resize": True, "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
}  # fmt: skip


def page(high: int, wide: int) -> np.ndarray[Any, Any]:
    """Draw a page whose colours change little by little."""
    down, across = np.mgrid[0:high, 0:wide]
    lines = [120 + 40 * np.sin(down / high * 3), 60 + 60 * across / wide,
             128 + 40 * np.cos(down / high * 2 + across / wide * 3)]  # fmt: skip
    return np.stack(lines, 2).astype(np.uint8)


def theirs(said: dict[str, Any], cells: list[np.ndarray[Any, Any]]) -> torch.Tensor:
    asked = {key: value for key, value in said.items() if key != "image_processor_type"}
    size = {"height": said["size"][1], "width": said["size"][0]}
    processor = transformers.DonutImageProcessorPil(**{**asked, "size": size})
    found = processor([Pictures.fromarray(cell) for cell in cells], return_tensors="pt")
    return torch.as_tensor(found["pixel_values"])


def ours(field: Image, cells: list[np.ndarray[Any, Any]]) -> Column:
    step = ImageStep(field)
    return step([step.read(cell) for cell in cells])


def test_pages_lie_where_donut_lays_them(tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(SAID))
    framing = Framing(seen_by(tmp_path, object()))
    field = framing.suited(Image())
    assert isinstance(field, Image)
    assert (field.size, field.fit) == (96, "pad")
    cells = [page(*shape) for shape in SHAPES]
    found, right = framing(ours(field, cells).values), theirs(SAID, cells)
    assert found.shape == right.shape == (len(SHAPES), 3, 96, 72)
    for shape, one, other in zip(SHAPES, found, right, strict=True):
        off = ((one - other).abs() * 127.5).amax(0)
        # At the edge of the page both may differ by a line, for both round its side.
        assert float(off.median()) < 1, shape
        assert float((off > 4).float().mean()) < 0.03, shape
        black = (one <= -1).all(0), (other <= -1).all(0)
        assert float((black[0] ^ black[1]).float().mean()) < 0.03, shape


def test_the_network_sees_the_same(tmp_path: Path) -> None:
    folder = made("donut", tmp_path)
    said = SAID | {"size": [8, 16]}
    (folder / "preprocessor_config.json").write_text(json.dumps(said))
    tower = open_tower(str(folder), "image")
    field = tower.suited(Image())
    assert isinstance(field, Image)
    cells = [page(32, 16), page(320, 160), page(64, 64)]  # whose sides need no rounding
    whole = transformers.VisionEncoderDecoderModel.from_pretrained(folder).eval()
    column = ours(field, cells)
    with torch.no_grad():
        right = whole.encoder(theirs(said, cells)).last_hidden_state
        found = tower.tokens(column).tokens
        again = remade_tower(
            {"tower": "ImageTower", "known": json.loads(json.dumps(tower.state()))}
        )
        again.load_state_dict(tower.state_dict())
        assert torch.equal(again.tokens(column).tokens, found)
    torch.testing.assert_close(found, right, atol=0.03, rtol=0.03)


def test_a_page_is_freed_of_black_at_two_edges_only() -> None:
    square = torch.full((3, 8, 8), 90.0)
    square[:, :2] = square[:, 6:] = 0.0
    square[:, :, 0] = square[:, :, 7] = 0.0  # these belong to it
    found = laid(square, 4, 8)
    assert torch.equal(found, square[:, 2:6])
    assert torch.equal(laid(torch.zeros(3, 8, 8), 4, 8), torch.zeros(3, 4, 8))
    narrow = laid(torch.full((3, 8, 8), 90.0), 4, 8)
    torch.testing.assert_close(narrow[:, :, 2:6], torch.full((3, 4, 4), 90.0))
    assert not narrow[:, :, [0, 1, 6, 7]].any()
    assert laid(torch.full((3, 49, 49), 90.0), 8, 8).all()  # 49 * (8 / 49) is below 8


Tiny = Callable[[str], Path]


def test_what_donut_does_not_pad_is_stretched(tiny: Tiny) -> None:
    field = open_tower(str(tiny("donut")), "image").suited(Image())
    assert isinstance(field, Image)
    assert field.fit == "stretch"
