"""Sensorium: learn from tables whose cells are words, pictures, sounds, numbers, dates, signals."""

__version__ = "0.1.0"
