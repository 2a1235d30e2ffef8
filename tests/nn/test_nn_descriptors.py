"""Descriptors of pictures against small pictures whose colours and outlines are known."""

import pytest
import torch

from sensorium.nn.descriptors import CELLS, FAINT, WAYS, Descriptors, colours, outlines, textures


def test_colours_are_shares_of_ranges() -> None:
    black_red = torch.tensor([[[[0, 255]], [[0, 0]], [[0, 63]]]], dtype=torch.uint8)
    found = colours(black_red)[0]
    assert found.shape == (64,)
    assert found.nonzero().flatten().tolist() == [0, 3]  # red is the first digit to base 4
    assert found[[0, 3]].tolist() == pytest.approx([0.5**0.5] * 2)
    grey = torch.tensor([[[[0.0, 64.0, 300.0, -5.0]]]])  # an augmentation may leave the range
    assert colours(grey)[0].square().tolist() == pytest.approx([0.5, 0.25, 0, 0.25])


def test_outlines_point_to_where_it_is_brighter() -> None:
    side = 4 * CELLS
    steps = torch.arange(side).float().expand(1, 1, side, side)
    right, down = outlines(steps), outlines(steps.mT)
    # A rise of 1 of 255 a pixel in each of the 16 pixels of a cell, and at the rims none.
    rise = 16 / 255
    strength = rise / (rise + FAINT)
    for found, way in ((right, WAYS // 2), (down, WAYS * 3 // 4)):
        inner = found.view(WAYS, CELLS, CELLS)[:, 1:-1, 1:-1]
        assert inner[way].flatten().tolist() == pytest.approx([strength] * (CELLS - 2) ** 2)
        assert inner.sum().item() == pytest.approx(inner[way].sum().item())


def test_textures_tell_which_neighbours_are_brighter() -> None:
    flat = torch.full((1, 3, 5, 5), 100, dtype=torch.uint8)
    assert textures(flat)[0].nonzero().flatten().tolist() == [0]
    spot = torch.zeros(1, 1, 3, 3)
    spot[0, 0, 1, 1] = 90.0
    found = textures(spot)[0].square()
    # The middle sees nothing brighter; each of the other eight sees it in one direction.
    places = found.nonzero().flatten().tolist()
    assert places == [0, *(2**bit for bit in range(8))]
    assert found[places].tolist() == pytest.approx([1 / 9] * 9)


def test_pictures_of_any_size_and_colour_are_described() -> None:
    for channels, side in ((1, 8), (3, 64), (3, 7)):
        part = Descriptors(channels, 5).eval()
        pictures = torch.randint(0, 256, (2, channels, side, side), dtype=torch.uint8)
        found = part(pictures)
        assert found.shape == (2, 5)
        torch.testing.assert_close(found, part(pictures.float()))
        found.sum().backward()
        assert part.up.weight.grad is not None
        assert part.up.weight.grad.isfinite().all()
    assert Descriptors(3, 5)(torch.zeros(0, 3, 8, 8, dtype=torch.uint8)).shape == (0, 5)
