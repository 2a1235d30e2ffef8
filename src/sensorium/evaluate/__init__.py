"""What a trained model is worth: scores with intervals, does fusion help, what each part brings."""

from sensorium.evaluate.evaluate import evaluate
from sensorium.evaluate.intervals import Interval, Resamples
from sensorium.evaluate.outcome import Outcome, collect
from sensorium.evaluate.referee import Referee
from sensorium.evaluate.report import Report

__all__ = ["Interval", "Outcome", "Referee", "Report", "Resamples", "collect", "evaluate"]
