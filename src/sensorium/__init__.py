"""Sensorium: learn from tables whose cells are words, pictures, sounds, numbers, dates, signals.

The face of the library. Names are loaded when they are first used, so that ``import sensorium``
stays light.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sensorium.core.version import __version__ as __version__

if TYPE_CHECKING:
    from sensorium.auto import fit, pretrained, resume, transcribe
    from sensorium.compare import compare
    from sensorium.core.errors import SensoriumError
    from sensorium.core.schema import (
        Audio,
        Category,
        Date,
        Flag,
        Image,
        Number,
        Schema,
        Series,
        Spans,
        Text,
        Vector,
    )
    from sensorium.data import Table, TableFile, infer, inspect, read
    from sensorium.decoders import Sampling
    from sensorium.evaluate import Report, evaluate
    from sensorium.model import Model, load
    from sensorium.preprocess import Preprocess
    from sensorium.search import Hit, Index, Probe, ZeroShot
    from sensorium.sklearn import SensoriumClassifier, SensoriumRegressor
    from sensorium.tasks import (
        Align,
        Answer,
        Caption,
        Classify,
        Command,
        Describe,
        Extract,
        Keywords,
        Regress,
        Several,
        Tag,
        Teaching,
        Transcribe,
    )
    from sensorium.train import Plan, Run, train

_ROOMS = {
    "auto": ("fit", "pretrained", "resume", "transcribe"),
    "compare": ("compare",),
    "core.errors": ("SensoriumError",),
    "core.schema": (
        "Audio", "Category", "Date", "Flag", "Image", "Number", "Schema", "Series",
        "Spans", "Text", "Vector",
    ),
    "data": ("Table", "TableFile", "infer", "inspect", "read"),
    "evaluate": ("Report", "evaluate"),
    "model": ("Model", "load"),
    "preprocess": ("Preprocess",),
    "search": ("Hit", "Index", "Probe", "ZeroShot"),
    "sklearn": ("SensoriumClassifier", "SensoriumRegressor"),
    "decoders": ("Sampling",),
    "tasks": (
        "Align", "Answer", "Caption", "Classify", "Command", "Describe", "Extract", "Keywords",
        "Regress", "Several", "Tag",
        "Teaching", "Transcribe",
    ),
    "train": ("Plan", "Run", "train"),
}  # fmt: skip
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}
_OPEN_ROOMS = ("decoders", "encoders", "fusion", "tasks", "testing")

__all__ = [
    "Align",
    "Answer",
    "Audio",
    "Caption",
    "Category",
    "Classify",
    "Command",
    "Date",
    "Describe",
    "Extract",
    "Flag",
    "Hit",
    "Image",
    "Index",
    "Keywords",
    "Model",
    "Number",
    "Plan",
    "Preprocess",
    "Probe",
    "Regress",
    "Report",
    "Run",
    "Sampling",
    "Schema",
    "SensoriumClassifier",
    "SensoriumError",
    "SensoriumRegressor",
    "Series",
    "Several",
    "Spans",
    "Table",
    "TableFile",
    "Tag",
    "Teaching",
    "Text",
    "Transcribe",
    "Vector",
    "ZeroShot",
    "compare",
    "evaluate",
    "fit",
    "infer",
    "inspect",
    "load",
    "pretrained",
    "read",
    "resume",
    "train",
    "transcribe",
]


def __getattr__(name: str) -> Any:
    if name in _ROOM_OF:
        value = getattr(import_module(f"sensorium.{_ROOM_OF[name]}"), name)
    elif name in _OPEN_ROOMS:
        value = import_module(f"sensorium.{name}")
    else:
        msg = f"module 'sensorium' has no attribute {name!r}"
        raise AttributeError(msg)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, *_OPEN_ROOMS, "__version__"])


class _Face(ModuleType):
    """Keeps ``sensorium.train`` the function, though a room of that name is imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _ROOM_OF and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face
