"""Training: one readable loop, its plan, its checkpoints."""

from sensorium.train.loop import train
from sensorium.train.plan import Plan
from sensorium.train.run import Run

__all__ = ["Plan", "Run", "train"]
