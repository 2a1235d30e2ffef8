"""Near-duplicates of texts and pictures: found where they are, and only there."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageFilter

from sensorium.core.errors import TableError
from sensorium.data import near_duplicates, read
from sensorium.data.duplicates import normal, of_texts, of_thumbnails, thumbnail

ABSTRACT = (
    "We present a method for learning from tables whose cells are pictures, sounds and words; "
    "any of them may be missing. On twelve public sets it is better than either alone."
)


def groups(found) -> list[list[int]]:
    return [np.flatnonzero(found == g).tolist() for g in np.unique(found) if (found == g).sum() > 1]


def test_texts_alike_but_for_case_marks_and_a_few_words():
    texts = [
        ABSTRACT,
        ABSTRACT.upper() + "!!",
        ABSTRACT.replace("twelve", "eleven"),
        ABSTRACT[:90],
        "A wholly different text about the price of fish in the harbours of the northern sea.",
        None,
        "",
        "short",
        "Short!",
        "很快，好吃，味道足，量大，下次还会再来，推荐给大家，真的非常不错",
        "很快 好吃 味道足 量大 下次还会再来 推荐给大家 真的非常不错!",
        3,
    ]
    assert groups(of_texts(texts)) == [[0, 1, 2], [9, 10]]
    assert normal("Hello, World-wide!  ÉTÉ") == "hello world wide été"


def test_many_different_texts_stay_alone():
    random = np.random.default_rng(0)
    words = [f"word{i}" for i in range(400)]
    texts = [" ".join(random.choice(words, 30)) for _ in range(500)]
    assert len(set(of_texts(texts).tolist())) == 500


def encoded(picture: Pillow.Image, **options) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, **options)
    return stream.getvalue()


def scene(seed: int) -> Pillow.Image:
    random = np.random.default_rng(seed)
    rough = Pillow.fromarray(random.integers(0, 255, (12, 12, 3), dtype=np.uint8))
    return rough.resize((160, 120), Pillow.Resampling.BICUBIC)


def test_pictures_alike_to_the_eye():
    first = scene(0)
    brightened = first.point(lambda level: min(255, level + 40))
    cells = [
        encoded(first, format="PNG"),
        encoded(first, format="JPEG", quality=70),
        encoded(first.resize((80, 60)), format="JPEG"),
        first.filter(ImageFilter.GaussianBlur(1)),
        brightened,
        *[scene(seed) for seed in range(1, 30)],
        b"broken",
    ]
    thumbnails = [thumbnail(cell) for cell in cells]
    assert thumbnails[-1] is None
    assert groups(of_thumbnails(thumbnails)) == [[0, 1, 2, 3]]


def test_flat_pictures_are_alike_only_if_of_one_colour():
    flat = [Pillow.new("L", (20, 20), level) for level in (0, 60, 60, 120)]
    assert groups(of_thumbnails([thumbnail(cell) for cell in flat])) == [[1, 2]]


def test_rows_alike_in_any_column_get_one_number_and_stay_together(tmp_path):
    for i in range(6):
        scene(i).save(tmp_path / f"{i}.png")
    scene(0).save(tmp_path / "6.jpg")
    files = [f"{i}.png" for i in range(6)] + ["6.jpg", "", "gone.png"]
    texts = [ABSTRACT if i in (1, 6) else f"text number {i}" for i in range(9)]
    table = read({"photo": files, "text": texts}, folder=tmp_path)
    assert groups(np.array(near_duplicates(table, "photo"))) == [[0, 6]]
    numbers = near_duplicates(table, "photo", "text")
    assert groups(np.array(numbers)) == [[0, 1, 6]]
    left, right = table.with_column("twins", numbers).split(0.6, 0.4, group="twins")
    assert not set(left.cells("twins")) & set(right.cells("twins"))
    with pytest.raises(TableError, match="name the columns"):
        near_duplicates(table)
