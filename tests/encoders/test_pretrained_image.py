"""Pretrained picture encoders give what ``transformers`` gives on pictures evened by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from sensorium.core.batch import Column
from sensorium.core.schema import Image
from sensorium.encoders import Pretrained
from sensorium.encoders.towers import open_tower, remade_tower
from sensorium.preprocess.image import ImageStep
from tiny_models import CROPPED, PREPROCESSORS, SHORT, STRETCHED, made

FAMILIES = ("vit", "dinov2", "swin", "convnext", "resnet", "clip", "siglip")
SCALED = {"dinov2": 20, "convnext": 36, "resnet": 36}
SIDES = {"convnext": 32, "resnet": 32}
STAGES = {"swin": 2, "convnext": 2, "resnet": 2}
Tiny = Callable[[str], Path]


def pictures(side: int, channels: int = 3, rows: int = 4) -> Column:
    generator = torch.Generator().manual_seed(0)
    shape = (rows, channels, side, side)
    values = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    there = torch.ones(rows, dtype=torch.bool)
    return Column(values, there.unsqueeze(1), there)


def evened(values: torch.Tensor, side: int, said: dict[str, Any]) -> torch.Tensor:
    """Cut the middle out, and even the colours, in the plainest way."""
    edge = (values.shape[-1] - side) // 2
    cut = values[:, :, edge : edge + side, edge : edge + side].double() / 255
    for colour in range(3):
        cut[:, colour] -= said["image_mean"][colour]
        cut[:, colour] /= said["image_std"][colour]
    return cut.float()


def same(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one.detach(), other.detach(), rtol=1e-5, atol=1e-5)


def side_of(family: str) -> tuple[int, int]:
    """Give the sides, px, to which a picture is scaled and cut."""
    return SCALED.get(family, 16), SIDES.get(family, 16)


@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_and_summary_are_those_of_transformers(tiny: Tiny, family: str) -> None:
    folder = tiny(family)
    tower = open_tower(str(folder), "image")
    scaled, side = side_of(family)
    field = tower.suited(Image())
    assert isinstance(field, Image)
    assert field.size == scaled
    column = pictures(scaled)
    given = evened(column.values, side, PREPROCESSORS[family])
    same(tower.framing(column.values), given)  # type: ignore[operator]
    model = transformers.AutoModel.from_pretrained(folder)
    with torch.inference_mode():
        if family in ("clip", "siglip"):
            found = model.get_image_features(pixel_values=given)
            summary = getattr(found, "pooler_output", found)
            tokens = model.vision_model(given).last_hidden_state
        else:
            found = model(given)
            tokens = found.last_hidden_state
            summary = tokens[:, 0] if family == "vit" else found.pooler_output.flatten(1)
    tokens = tokens.flatten(2).transpose(1, 2) if tokens.ndim == 4 else tokens
    same(tower.tokens(column).tokens, tokens)
    assert tokens.shape[2] == tower.features
    same(tower.summary(column), summary)
    assert summary.shape == (4, tower.summed)


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_do_not_know_of_one_another(tiny: Tiny, family: str) -> None:
    tower = open_tower(str(tiny(family)), "image")
    column = pictures(16)
    order = torch.tensor([2, 0, 3, 1])
    same(tower.summary(column)[order], tower.summary(column.rows(order)))
    same(tower.summary(column)[1:2], tower.summary(column.rows(torch.tensor([1]))))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_tower_is_made_again_from_its_state(tiny: Tiny, family: str) -> None:
    tower = open_tower(str(tiny(family)), "image")
    state = json.loads(json.dumps({"tower": type(tower).__name__, "known": dict(tower.state())}))
    again = remade_tower(state)
    again.load_state_dict(tower.state_dict())
    column = pictures(side_of(family)[0])
    assert len(again.blocks()) == len(tower.blocks()) == STAGES.get(family, 3)
    assert torch.equal(again.summary(column), tower.summary(column))
    assert torch.equal(again.tokens(column).tokens, tower.tokens(column).tokens)


def framed(tmp_path: Path, said: dict[str, Any], file: str = "preprocessor_config.json") -> Any:
    folder = made("dinov2", tmp_path)
    (folder / "preprocessor_config.json").unlink()
    (folder / file).write_text(json.dumps(said))
    return open_tower(str(folder), "image")


@pytest.mark.parametrize(
    ("said", "scaled", "side", "fit"),
    [
        (STRETCHED, 16, 16, "stretch"),
        (STRETCHED | {"size": 16}, 16, 16, "stretch"),
        (CROPPED, 20, 16, "crop"),
        (CROPPED | {"crop_size": 16}, 20, 16, "crop"),
        (CROPPED | {"do_center_crop": False}, 20, 20, "crop"),
        (SHORT, 36, 32, "crop"),
        (SHORT | {"size": {"shortest_edge": 384}}, 384, 384, "stretch"),
        (STRETCHED | {"size": {"shortest_edge": 56},
                      "image_processor_type": "ConvNextImageProcessor"}, 64, 56, "crop"),
    ],
)  # fmt: skip
def test_scaling_and_cutting_are_read_from_the_folder(
    tmp_path: Path, said: dict[str, Any], scaled: int, side: int, fit: str
) -> None:
    tower = framed(tmp_path, said)
    assert tower.suited(Image(size=99, channels=1)) == Image(size=scaled, channels=3, fit=fit)
    given = pictures(scaled, rows=1).values
    same(tower.framing(given), evened(given, side, said))


def test_a_processor_of_several_parts_is_read(tmp_path: Path) -> None:
    tower = framed(tmp_path, {"image_processor": CROPPED}, "processor_config.json")
    assert tower.suited(Image()) == Image(size=20, channels=3, fit="crop")


@pytest.mark.parametrize(
    ("said", "low", "high"),
    [
        ({"do_normalize": False}, 0.0, 1.0),
        ({"do_normalize": False, "do_rescale": False}, 0.0, 255.0),
        ({"image_mean": [0.5] * 3, "image_std": [0.5] * 3}, -1.0, 1.0),
        ({"do_normalize": False, "rescale_factor": 1 / 127.5}, 0.0, 2.0),
    ],
)
def test_colours_are_evened_as_the_folder_says(
    tmp_path: Path, said: dict[str, Any], low: float, high: float
) -> None:
    tower = framed(tmp_path, STRETCHED | said)
    values = torch.zeros(2, 3, 16, 16, dtype=torch.uint8)
    values[1] = 255
    found = tower.framing(values)
    same(found[0], torch.full((3, 16, 16), low))
    same(found[1], torch.full((3, 16, 16), high))


def test_a_grey_picture_is_seen_in_three_alike_colours(tiny: Tiny) -> None:
    tower = open_tower(str(tiny("vit")), "image")
    grey = pictures(16, channels=1)
    coloured = Column(grey.values.expand(-1, 3, -1, -1), grey.mask, grey.present)
    same(tower.summary(grey), tower.summary(coloured))


def test_a_picture_of_another_side_is_scaled(tiny: Tiny) -> None:
    tower = open_tower(str(tiny("vit")), "image")
    flat = torch.full((2, 3, 40, 40), 128, dtype=torch.uint8)
    there = torch.ones(2, dtype=torch.bool)
    small = Column(flat[:, :, :16, :16], there.unsqueeze(1), there)
    same(tower.summary(Column(flat, there.unsqueeze(1), there)), tower.summary(small))


def test_a_wide_picture_is_scaled_and_cut_as_transformers_does(tiny: Tiny) -> None:
    """Left and right of the middle square are red; a crop must not see them, a stretch must."""
    wide = torch.zeros(3, 40, 120, dtype=torch.uint8)
    wide[0] = 255
    wide[:, :, 40:80] = 255
    for family, reds in (("dinov2", 0), ("vit", 1)):
        field = open_tower(str(tiny(family)), "image").suited(Image())
        assert isinstance(field, Image)
        step = ImageStep(field)
        seen = step([step.read(wide.permute(1, 2, 0).numpy())]).values[0]
        assert (seen[1, :, 0] < 128).all() == bool(reds)
        assert (seen[:, :, field.size // 2] == 255).all()


def test_weights_without_a_pooling_layer_will_do(tiny: Tiny, tmp_path: Path) -> None:
    """A ViT for classes has no pooling layer; the first token is taken."""
    folder = made("vit", tmp_path)
    weights = load_file(folder / "model.safetensors")
    kept = {name: w for name, w in weights.items() if "pooler" not in name}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    one, other = (open_tower(str(place), "image") for place in (folder, tiny("vit")))
    assert torch.equal(one.summary(pictures(16)), other.summary(pictures(16)))


def test_a_batch_norm_stays_as_it_was(tiny: Tiny) -> None:
    encoder = Pretrained(str(tiny("resnet")), width=8)
    encoder.suited(Image())
    encoder.setup(ImageStep(Image(size=36)).layout)
    before = {name: w.clone() for name, w in encoder.tower.state_dict().items()}
    encoder.train()
    encoder(pictures(36)).tokens.sum().backward()
    assert all(torch.equal(w, before[name]) for name, w in encoder.tower.state_dict().items())
