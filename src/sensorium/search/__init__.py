"""Search: rows by what they are like, by their words, and by conditions on their cells."""

from sensorium.search.hits import Hit, Pair
from sensorium.search.index import Index
from sensorium.search.probe import Probe
from sensorium.search.zero_shot import ZeroShot

__all__ = ["Hit", "Index", "Pair", "Probe", "ZeroShot"]
