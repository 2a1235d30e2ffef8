"""From raw rows to batches. ``STEPS`` maps kinds of field to the classes that prepare them."""

from sensorium.preprocess.preprocess import Preprocess
from sensorium.preprocess.shelf import Shelf
from sensorium.preprocess.step import Step
from sensorium.preprocess.steps import STEPS, step_for

__all__ = ["STEPS", "Preprocess", "Shelf", "Step", "step_for"]
