"""The one-line floor: choose parts from a schema, fit, report. Written with the parts alone."""

from sensorium.auto.choose import Choice, choose
from sensorium.auto.fit import fit
from sensorium.auto.resume import resume

__all__ = ["Choice", "choose", "fit", "resume"]
