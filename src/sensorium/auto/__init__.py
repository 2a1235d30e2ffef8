"""The one-line floor: choose parts from a schema, fit, report. Written with the parts alone."""

from sensorium.auto.begin import fit
from sensorium.auto.choose import Choice, choose
from sensorium.auto.go_on import resume
from sensorium.auto.listen import Transcript, transcribe
from sensorium.auto.whole import pretrained

__all__ = ["Choice", "Transcript", "choose", "fit", "pretrained", "resume", "transcribe"]
