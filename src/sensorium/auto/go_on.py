"""``sensorium.resume``: go on with a fit that was cut off."""

from pathlib import Path
from typing import Any

from sensorium.auto.finish import finish
from sensorium.auto.record import START, parts_of, read_record
from sensorium.model import load
from sensorium.train import Run


def resume(folder: str | Path, *, source: Any = None, quiet: bool = False) -> Run:
    """Go on with a fit from its newest checkpoint, as if it had never stopped.

    Args:
        folder: the run's folder.
        source: the table, for a fit whose table was an object in memory.
        quiet: show no progress.

    Errors:
        ArtifactError: the folder holds no fit, its files or its table have changed.
    """
    folder = Path(folder)
    record = read_record(folder)
    model = load(folder / START)
    parts = parts_of(folder, record, source)
    parts = parts.with_schema(model.schema)
    return finish(model, parts, record, folder, resume=True, quiet=quiet)
