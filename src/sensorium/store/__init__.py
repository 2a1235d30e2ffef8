"""Keeps what was costly to make, in memory or on disk; knows no tables and no models."""

from sensorium.store.pile import Budget, Pile

__all__ = ["Budget", "Pile"]
