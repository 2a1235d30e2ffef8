"""Augmentation of training batches by name; knows no plans and no models.

``AUGMENTATIONS`` maps names to the kind of column that they change and the function that does it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from torch import Generator

from sensorium.core.batch import Batch, Column
from sensorium.core.errors import PlanError, all_at_once, nearest
from sensorium.preprocess.rand_augment import rand
from sensorium.preprocess.vary_image import colour, crop, cutout, flip, zoom
from sensorium.preprocess.vary_signal import gain, jitter, noise, scale, shift, speed, window

Change = Callable[[Column, Generator], Column]

AUGMENTATIONS: dict[str, tuple[str, Change]] = {
    "colour": ("image", colour),
    "crop": ("image", crop),
    "cutout": ("image", cutout),
    "flip": ("image", flip),
    "gain": ("audio", gain),
    "jitter": ("series", jitter),
    "noise": ("audio", noise),
    "rand": ("image", rand),
    "scale": ("series", scale),
    "shift": ("audio", shift),
    "speed": ("audio", speed),
    "window": ("series", window),
    "zoom": ("image", zoom),
}
SHARED = {"window"}
"""Changes drawn alike for all columns of a row: the same stretch of time is seen in each signal."""


def unknown_augmentations(names: Sequence[str]) -> list[str]:
    """List the names that no augmentation has, each with the nearest that one has."""
    unknown = [name for name in names if name not in AUGMENTATIONS]
    return [f"{name!r}{nearest(name, AUGMENTATIONS)}" for name in unknown]


def augmented(
    batch: Batch, kinds: Mapping[str, str], names: Sequence[str], generator: Generator
) -> Batch:
    """Change a batch at random.

    Args:
        batch: the batch; it is left as it is.
        kinds: the kind of each column that may be changed.
        names: augmentations, applied in this order, each to all columns of its kind.
        generator: what all draws come from.

    Errors:
        PlanError: unknown names.
    """
    if unknown := unknown_augmentations(names):
        raise PlanError(all_at_once("These augmentations are not known:", unknown))
    columns = dict(batch.columns)
    for name in names:
        kind, change = AUGMENTATIONS[name]
        begun = generator.get_state()
        for column in (column for column, its in kinds.items() if its == kind):
            if name in SHARED:
                generator.set_state(begun)
            if not columns[column].extracted:  # its views were varied when they were made
                columns[column] = change(columns[column], generator)
    return replace(batch, columns=columns)
