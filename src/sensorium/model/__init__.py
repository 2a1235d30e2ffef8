"""The model object: preprocessing + encoders + fusion + task; ``load`` reads a saved one."""

from sensorium.model.answers import Answer, Row
from sensorium.model.artifact import assemble, load
from sensorium.model.model import FORMAT, INDEX, PREPROCESS, WEIGHTS, Model
from sensorium.model.writing import Piece, Written

__all__ = [
    "FORMAT",
    "INDEX",
    "PREPROCESS",
    "WEIGHTS",
    "Answer",
    "Model",
    "Piece",
    "Row",
    "Written",
    "assemble",
    "load",
]
