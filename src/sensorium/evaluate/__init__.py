"""What a trained model is worth: scores with intervals, does fusion help, what each part brings."""

from sensorium.evaluate.evaluate import evaluate
from sensorium.evaluate.intervals import Interval, Resamples
from sensorium.evaluate.outcome import Outcome, collect
from sensorium.evaluate.referee import Referee
from sensorium.evaluate.report import Report
from sensorium.evaluate.retrieval import Retrieval, validation

__all__ = [
    "Interval",
    "Outcome",
    "Referee",
    "Report",
    "Resamples",
    "Retrieval",
    "collect",
    "evaluate",
    "validation",
]
