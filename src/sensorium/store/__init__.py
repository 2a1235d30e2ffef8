"""Keeps what was costly to make, in memory or on disk; knows no tables and no models."""

from sensorium.store.content import digest
from sensorium.store.features import Book, limited
from sensorium.store.pile import Budget, Pile

__all__ = ["Book", "Budget", "Pile", "digest", "limited"]
