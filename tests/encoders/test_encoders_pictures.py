"""Picture encoders against unfold and the convolution formula, and the grids they give."""

import pytest
import torch
import torch.nn.functional as F

from sensorium.core.batch import Column, Layout
from sensorium.core.errors import PartError
from sensorium.encoders import ConvNet, Encoder, ResNet, ViT
from sensorium.encoders.pixels import Pixels, grid_tokens
from sensorium.nn.levels import statistics

there = torch.ones(2, dtype=torch.bool)


def pictures(side: int, channels: int = 3) -> Column:
    generator = torch.Generator().manual_seed(0)
    shape = (2, channels, side, side)
    values = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return Column(values, there.unsqueeze(1), there)


def ready(encoder: Encoder, side: int, channels: int = 3) -> Encoder:
    torch.manual_seed(0)
    encoder.setup(Layout("image", channels=channels, length=side))
    return encoder.eval()


def test_pixels_become_about_one_wide() -> None:
    black_white = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)
    assert Pixels()(black_white).flatten().tolist() == pytest.approx([-1.8, 2.2])
    assert Pixels().double()(black_white).dtype == torch.float64


def test_a_grid_is_read_row_by_row() -> None:
    grid = torch.arange(6.0).view(1, 1, 2, 3)
    assert grid_tokens(grid).flatten().tolist() == [0, 1, 2, 3, 4, 5]


def test_vit_patches_are_a_linear_map_of_unfolded_pixels() -> None:
    encoder = ready(ViT(width=5, patch=4, depth=0), 8)
    column = pictures(8)
    pixels = F.unfold(encoder.pixels(column.values), 4, stride=4).transpose(1, 2)
    weight = encoder.patches.weight.flatten(1)
    expected = pixels @ weight.T + encoder.patches.bias + encoder.positions.table
    torch.testing.assert_close(encoder(column).tokens, expected)


def test_vit_patches_must_tile_the_picture() -> None:
    with pytest.raises(PartError, match="5 px do not tile a picture of 16 px"):
        ready(ViT(width=4, patch=5), 16)


def test_convnet_is_convolution_relu_and_maximum() -> None:
    encoder = ready(ConvNet(width=4, stages=(3,)), 4)
    column = pictures(4)
    x, weight = encoder.pixels(column.values), encoder.trunk[0][0].weight
    around = F.unfold(x, 3, padding=1)
    features = (weight.flatten(1) @ around).view(2, 3, 4, 4) / (1 + 1e-5) ** 0.5
    pooled = features.relu().view(2, 3, 2, 2, 2, 2).amax((3, 5)).flatten(2)
    out = encoder.out
    places = (out.weight.view(4, 3) @ pooled + out.bias.view(4, 1)).transpose(1, 2)
    whole = encoder.levels([statistics(x), statistics(pooled)])
    torch.testing.assert_close(encoder(column).tokens, places + whole.unsqueeze(1))


def test_descriptors_add_to_every_token() -> None:
    plain, described = (
        ready(ConvNet(width=4, stages=(3,), described=yes), 8) for yes in (False, True)
    )
    described.load_state_dict(plain.state_dict(), strict=False)
    column = pictures(8)
    extra = described.descriptors(column.values)
    assert extra.abs().max() > 0.01
    expected = plain(column).tokens + extra.unsqueeze(1)
    torch.testing.assert_close(described(column).tokens, expected)


@pytest.mark.parametrize(
    ("encoder", "side", "places"),
    [
        (ConvNet(width=8), 64, 8 * 8),
        (ConvNet(width=8), 28, 4 * 4),
        (ResNet(width=8), 32, 8 * 8),
        (ResNet(width=8), 64, 8 * 8),
        (ResNet(width=8), 128, 16 * 16),
        (ResNet(width=8, depth=2), 8, 2 * 2),
        (ViT(width=8), 64, 8 * 8),
    ],
    ids=repr,
)
def test_every_place_of_the_last_grid_is_a_token(encoder: Encoder, side: int, places: int) -> None:
    assert ready(encoder, side)(pictures(side)).tokens.shape == (2, places, 8)


@pytest.mark.parametrize("part", [ConvNet, ResNet, ViT])
def test_grey_pictures_are_read_too(part: type[ConvNet] | type[ResNet] | type[ViT]) -> None:
    encoder = ready(part(width=8), 16, channels=1)
    assert encoder(pictures(16, channels=1)).tokens.isfinite().all()


def test_moving_a_picture_moves_the_tokens_of_a_convolution() -> None:
    encoder = ready(ConvNet(width=4, stages=(3, 5)), 32)
    values = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    values[:, :, 8:12, 8:12] = 255
    moved = values.roll((8, 4), dims=(2, 3))
    grids = []
    for picture in (values, moved):
        column = Column(picture, there[:1].unsqueeze(1), there[:1])
        grids.append(encoder(column).tokens.view(8, 8, 4))
    grids = [grid - grid[-1, -1] for grid in grids]  # less what is said of the whole picture
    torch.testing.assert_close(grids[0][1:4, 1:4], grids[1][3:6, 2:5])
