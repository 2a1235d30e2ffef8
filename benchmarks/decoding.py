"""How fast are pictures decoded, against Pillow alone, with every core busy?

Each core runs one process; in every process both readers take turns over the same files, and the
median of their rounds counts, in seconds of processor time. "Decoding alone" is at full scale and
without resizing; all else ends in a square, cut and scaled alike. Sets: small real photographs,
real and made PNG, and the photographs enlarged to a phone's size as JPEG, PNG and WebP.

    SENSORIUM_DATA=~/data python benchmarks/decoding.py [--rounds 7]
"""

import argparse
import io
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL
import simplejpeg
import torch
from PIL import Image

from sensorium.media import read_picture
from sensorium.media.jpeg import read_jpeg

Reader = Callable[[bytes, int], np.ndarray]
LEAST = {"JPEG": 2.5, "alone": 2.5, "other": 0.9}
WHOLE = 100_000
"""A square so large that JPEG is decoded at its full scale, px."""


def ours(data: bytes, size: int) -> np.ndarray:
    return read_picture(data, size)


def pillow(data: bytes, size: int) -> np.ndarray:
    image = Image.open(io.BytesIO(data))
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), clear)
    image = image.convert("RGB")
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, width - left, height - top)
    square = image.resize((size, size), Image.Resampling.BILINEAR, box)
    return np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1))


def ours_decoding(data: bytes, size: int) -> np.ndarray:  # noqa: ARG001
    found = read_jpeg(data, WHOLE, "RGB", 10**9)
    assert found is not None
    return found.pixels


def pillow_decoding(data: bytes, size: int) -> np.ndarray:  # noqa: ARG001
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def sets(folder: Path) -> dict[str, tuple[str, int, list[bytes]]]:
    photos = _files(folder / "clothing", "*.jpg", 200)
    large = _enlarged(photos[:12], 1_600, "JPEG")
    return {
        "JPEG 128 px, decoding alone (clothing)": ("alone", 0, photos),
        "JPEG 1600 px, decoding alone (enlarged)": ("alone", 0, large),
        "JPEG 128 px -> 64 (clothing)": ("JPEG", 64, photos),
        "JPEG 72-160 px -> 64 (tuxpaint)": ("JPEG", 64, _files(folder / "tuxpaint", "*.jpg", 200)),
        "JPEG 1600 px -> 224 (enlarged)": ("JPEG", 224, large),
        "PNG 64 px -> 64 (easy_vqa)": ("other", 64, _files(folder / "easy_vqa", "*.png", 200)),
        "PNG 72 px -> 64 (emoji)": ("other", 64, _files(folder / "emoji", "*.png", 200)),
        "PNG 1600 px -> 224 (enlarged)": ("other", 224, _enlarged(photos[:6], 1_600, "PNG")),
        "WebP 800 px -> 64 (enlarged)": ("other", 64, _enlarged(photos[:12], 800, "WEBP")),
    }


def _files(folder: Path, pattern: str, most: int) -> list[bytes]:
    return [file.read_bytes() for file in sorted(folder.rglob(pattern))[:most]]


def _enlarged(photos: list[bytes], side: int, form: str) -> list[bytes]:
    made = []
    for photo in photos:
        image = Image.open(io.BytesIO(photo)).convert("RGB")
        scale = side / max(image.size)
        large = image.resize([round(s * scale) for s in image.size], Image.Resampling.BICUBIC)
        stream = io.BytesIO()
        large.save(stream, form, quality=90)
        made.append(stream.getvalue())
    return made


def rates(form: str, files: list[bytes], size: int, rounds: int) -> tuple[float, float]:
    """Give pictures a second: Pillow's, and ours."""
    both = (pillow_decoding, ours_decoding) if form == "alone" else (pillow, ours)
    times: dict[Reader, list[float]] = {reader: [] for reader in both}
    repeat = max(1, 24 // len(files))
    for _ in range(rounds):
        for reader, taken in times.items():
            start = time.process_time()
            for _ in range(repeat):
                for data in files:
                    reader(data, size)
            taken.append(time.process_time() - start)
    count = len(files) * repeat
    return tuple(count / statistics.median(taken) for taken in times.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    folder = Path(os.environ["SENSORIUM_DATA"]).expanduser()
    cores = os.cpu_count() or 1
    print(
        f"{cores} processes, {platform.machine()}, Pillow {PIL.__version__}, "
        f"simplejpeg {simplejpeg.__version__}, median of {rounds} alternating rounds\n"
    )
    print(
        "| pictures | Pillow/s per core | ours/s per core | ratio | least |\n|---|---|---|---|---|"
    )
    with multiprocessing.get_context("spawn").Pool(
        cores,
        torch.set_num_threads,
        (1,),  # a process a core
    ) as pool:
        for name, (form, size, files) in sets(folder).items():
            found = pool.starmap(rates, [(form, files, size, rounds)] * cores, chunksize=1)
            theirs, mine = (statistics.mean(side) for side in zip(*found, strict=True))
            ratio = mine / theirs
            print(f"| {name} | {theirs:,.0f} | {mine:,.0f} | {ratio:.2f} | {LEAST[form]} |")


if __name__ == "__main__":
    main()
