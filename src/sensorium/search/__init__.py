"""Search: rows by what they are like, by their words, and by conditions on their cells."""

from sensorium.search.hits import Hit, Pair
from sensorium.search.index import Index

__all__ = ["Hit", "Index", "Pair"]
