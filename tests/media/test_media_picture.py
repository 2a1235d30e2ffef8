import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from media_made import encoded, smooth
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sensorium.core.errors import CellError
from sensorium.media import read_picture
from sensorium.media.resize import squared

SIZE = 16
LOSSLESS = ["PNG", "BMP", "TIFF", "PPM", "QOI"]
LOSSY = ["JPEG", "WEBP", "AVIF", "JPEG2000", "GIF"]


def away(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Tell how far two pictures lie apart on average."""
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


@pytest.fixture
def photo() -> NDArray[np.uint8]:
    return smooth(120, 80)


@pytest.fixture
def square(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return read_picture(photo, SIZE)


def test_crop_takes_the_middle_of_the_long_side(photo: NDArray[np.uint8]) -> None:
    found = read_picture(photo, SIZE, fit="crop")
    across = 20 + (np.arange(SIZE) + 0.5) * 5 - 0.5  # px of the source that lie under each px
    down = (np.arange(SIZE) + 0.5) * 5 - 0.5
    inner = slice(1, -1)
    red = 20 + 210 * across / 119
    green = 30 + 190 * down / 79
    assert found.shape == (3, SIZE, SIZE)
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found[0, 3, inner], red[inner], atol=1.5)
    np.testing.assert_allclose(found[1, inner, 3], green[inner], atol=1.5)
    assert (found[2] == 90).all()


def test_pad_keeps_the_shape_and_fills_with_black(photo: NDArray[np.uint8]) -> None:
    found = read_picture(photo, 24, fit="pad")
    assert (found[:, :4] == 0).all()
    assert (found[:, -4:] == 0).all()
    assert (found[2, 4:-4] == 90).all()
    assert found[0, 10, 0] < 30
    assert found[0, 10, -1] > 220


def test_stretch_shows_all_of_it(photo: NDArray[np.uint8]) -> None:
    found = read_picture(photo, SIZE, fit="stretch")
    assert found[0, 8, 0] < 30
    assert found[0, 8, -1] > 220
    assert found[1, 0, 8] < 40
    assert found[1, -1, 8] > 210


def test_resizing_is_that_of_pillow(photo: NDArray[np.uint8]) -> None:
    rough = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    expected = Image.fromarray(rough).resize((30, 30), Image.Resampling.BILINEAR)
    assert away(squared(rough, 30, "crop").transpose(1, 2, 0), np.asarray(expected)) < 0.3


@pytest.mark.parametrize("form", LOSSLESS)
def test_formats_without_loss_give_the_same_picture(form: str, photo: NDArray[np.uint8]) -> None:
    whole = read_picture(encoded(photo, form), SIZE)
    np.testing.assert_array_equal(whole, read_picture(photo, SIZE))


@pytest.mark.parametrize("form", LOSSY)
def test_formats_with_loss_give_nearly_the_same(form: str, photo: NDArray[np.uint8]) -> None:
    assert away(read_picture(encoded(photo, form), SIZE), read_picture(photo, SIZE)) < 6


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("shape", [(700, 300), (300, 700), (65, 300), (33, 33)])
def test_scaled_jpeg_decoding_changes_next_to_nothing(fit: Any, shape: tuple[int, int]) -> None:
    large = smooth(*shape)
    data = encoded(large, "JPEG", quality=95)
    assert away(read_picture(data, 32, fit=fit), read_picture(large, 32, fit=fit)) < 3


def test_every_form_of_cell_gives_the_same_picture(
    photo: NDArray[np.uint8], square: NDArray[np.uint8], tmp_path: Path
) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(encoded(photo, "PNG"))
    first = photo.transpose(2, 0, 1)
    cells: list[Any] = [
        file,
        str(file),
        {"bytes": file.read_bytes(), "path": "a.png"},
        Image.open(io.BytesIO(file.read_bytes())),
        Image.fromarray(photo),
        first,
        torch.from_numpy(photo.copy()),
        torch.from_numpy(first.copy()),
        photo / 255,
        (photo / 255).astype(np.float32),
        photo.tolist(),
        photo.astype(np.int64),
    ]
    for cell in cells:
        np.testing.assert_array_equal(read_picture(cell, SIZE), square)


def test_grey_comes_in_and_out_by_every_way(photo: NDArray[np.uint8]) -> None:
    grey = photo[:, :, 0]
    for cell in (grey, grey[:, :, None], grey[None], encoded(grey, "PNG"), grey > 128):
        colour = read_picture(cell, SIZE)
        assert (colour[0] == colour[1]).all()
        assert (colour[0] == colour[2]).all()
        np.testing.assert_array_equal(read_picture(cell, SIZE, channels=1), colour[:1])
    weighed = read_picture(encoded(photo, "JPEG", quality=98), SIZE, channels=1)
    expected = read_picture(np.asarray(Image.fromarray(photo).convert("L")), SIZE, channels=1)
    assert away(weighed, expected) < 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_exif_orientation_is_honoured(form: str, orientation: int) -> None:
    image = Image.fromarray(smooth(64, 64))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(image, form, exif=exif)
    image.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image))
    assert away(read_picture(data, SIZE), read_picture(upright, SIZE)) < 5


def test_what_is_transparent_is_laid_on_white() -> None:
    clear = np.zeros((20, 20, 4), np.uint8)
    clear[:, :10] = (200, 0, 0, 255)
    clear[:, 10:] = (0, 0, 0, 0)
    palette = Image.fromarray(clear[:, :, :3]).quantize(2)
    palette.info["transparency"] = palette.getpixel((15, 5))
    grey = Image.merge("LA", [Image.new("L", (20, 20)), Image.fromarray(clear[:, :, 3])])
    for cell in (clear, encoded(clear, "PNG"), encoded(clear, "WEBP", lossless=True)):
        found = read_picture(cell, 20)
        assert found[:, 5, 15].tolist() == [255, 255, 255]
        assert found[:, 5, 5].tolist() == [200, 0, 0]
    coded = read_picture(encoded(palette, "PNG", transparency=palette.info["transparency"]), 20)
    assert coded[:, 5, 15].tolist() == [255, 255, 255]
    assert read_picture(encoded(grey, "PNG"), 20)[:, 5, 15].tolist() == [255, 255, 255]
    half = np.full((8, 8, 4), (0, 0, 0, 128), np.uint8)
    assert away(read_picture(half, 8), np.full((3, 8, 8), 127)) <= 1


def test_deep_pixels_are_scaled_and_not_cut() -> None:
    ramp = np.linspace(0, 65_535, 64, dtype=np.uint16)[None].repeat(64, 0)
    expected = np.rint(ramp / 257)
    for form in ("PNG", "TIFF"):
        found = read_picture(encoded(Image.fromarray(ramp), form), 64, channels=1)[0]
        assert away(found, expected) <= 0.5
    light = Image.fromarray((ramp / 65_535).astype(np.float32))
    assert away(read_picture(encoded(light, "TIFF"), 64, channels=1)[0], expected) <= 0.5


def test_bits_palettes_and_print_colours_are_read(photo: NDArray[np.uint8]) -> None:
    image = Image.fromarray(photo)
    whole = read_picture(photo, SIZE)
    assert away(read_picture(encoded(image.quantize(255), "PNG"), SIZE), whole) < 4
    assert away(read_picture(encoded(image.convert("CMYK"), "JPEG", quality=95), SIZE), whole) < 4
    one_bit = read_picture(encoded(image.convert("1", dither=Image.Dither.NONE), "PNG"), SIZE)
    assert set(np.unique(one_bit)) >= {0, 255}


def test_the_first_frame_of_an_animation_counts() -> None:
    red, blue = (Image.new("RGB", (20, 20), colour) for colour in ("red", "blue"))
    for form in ("GIF", "WEBP", "PNG"):
        data = encoded(red, form, save_all=True, append_images=[blue] * 3)
        found = read_picture(data, 8)
        assert found[0].min() > 240, form
        assert found[2].max() < 15, form


def test_a_huge_picture_is_shrunk_strip_by_strip(monkeypatch: pytest.MonkeyPatch) -> None:
    large = Image.fromarray(smooth(900, 700)).convert("RGBA")
    large.putalpha(Image.linear_gradient("L").resize(large.size))
    data = encoded(large, "PNG")
    whole = read_picture(data, 24)
    monkeypatch.setattr("sensorium.media.raster.STRIP", 20_000)
    np.testing.assert_array_equal(read_picture(data, 24), whole)


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        (np.zeros((5, 6, 7)), "shape (5, 6, 7)"),
        (np.zeros(7), "shape (7,)"),
        (np.zeros((2, 4, 4, 3)), "shape (2, 4, 4, 3)"),
        (np.zeros((0, 4, 3)), "4 x 0 px"),
        (np.full((4, 4), np.nan), "NaN"),
        (np.full((4, 4), 7.0), "values from 7 to 7"),
        (np.full((4, 4), -1), "values from -1 to -1"),
        (np.full((4, 4), 300), "values from 300 to 300"),
        (np.zeros((4, 4), complex), "complex128"),
        ([[1, 2], [3]], "no array"),
        (object(), "a object"),
        (3.5, "a float"),
        ("words.txt", "no such file"),
    ],
)
def test_what_is_no_picture_is_named(cell: object, found: str) -> None:
    with pytest.raises(CellError) as fault:
        read_picture(cell, SIZE)
    assert found in fault.value.found
    assert fault.value.advice
