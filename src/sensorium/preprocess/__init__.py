"""From raw rows to batches. ``STEPS`` maps kinds of field to the classes that prepare them."""

from sensorium.preprocess.preprocess import Preprocess
from sensorium.preprocess.step import Step
from sensorium.preprocess.steps import STEPS, step_for

__all__ = ["STEPS", "Preprocess", "Step", "step_for"]
