"""From raw rows to batches: one step a kind of field, fitted on training rows only.

``STEPS`` maps kinds of field to the classes that prepare them, ``AUGMENTATIONS`` names to kinds
and the functions that vary their columns in training.
"""

from sensorium.preprocess.augment import AUGMENTATIONS, augmented
from sensorium.preprocess.extract import Extractor
from sensorium.preprocess.mixing import cutmixed, mixed
from sensorium.preprocess.preprocess import Preprocess, Table
from sensorium.preprocess.shelf import Notes, Shelf
from sensorium.preprocess.step import Step
from sensorium.preprocess.steps import STEPS, step_for, target_step_for
from sensorium.preprocess.view import CellView, view_cell

__all__ = [
    "AUGMENTATIONS",
    "STEPS",
    "CellView",
    "Extractor",
    "Notes",
    "Preprocess",
    "Shelf",
    "Step",
    "Table",
    "augmented",
    "cutmixed",
    "mixed",
    "step_for",
    "target_step_for",
    "view_cell",
]
