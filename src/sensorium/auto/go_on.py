"""``sensorium.resume``: go on with a fit that was cut off."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sensorium.auto.finish import finish
from sensorium.auto.record import START, parts_of, read_record
from sensorium.model import load
from sensorium.train import Run


def resume(
    folder: str | Path,
    *,
    source: Any = None,
    parts: Mapping[str, type] | None = None,
    quiet: bool = False,
) -> Run:
    """Go on with a fit from its newest checkpoint, as if it had never stopped.

    Args:
        folder: the run's folder.
        source: the table, for a fit whose table was an object in memory.
        parts: your own encoders, fusions or tasks by class name, as ``load`` takes them.
        quiet: show no progress.

    Errors:
        ArtifactError: the folder holds no fit, its files or its table have changed.
    """
    folder = Path(folder)
    record = read_record(folder)
    model = load(folder / START, parts=parts)
    rows = parts_of(folder, record, source).with_schema(model.schema)
    return finish(model, rows, record, folder, resume=True, quiet=quiet)
