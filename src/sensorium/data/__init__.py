"""Tables: reading them, telling the kinds of their columns, splitting and serving their rows."""

from sensorium.data.infer import Finding, Inference, infer
from sensorium.data.inspect import inspect
from sensorium.data.inspection import Inspection
from sensorium.data.loader import Loader
from sensorium.data.near import near_duplicates
from sensorium.data.read import TableFile, read
from sensorium.data.table import Row, Table, stack

__all__ = [
    "Finding",
    "Inference",
    "Inspection",
    "Loader",
    "Row",
    "Table",
    "TableFile",
    "infer",
    "inspect",
    "near_duplicates",
    "read",
    "stack",
]
