"""run.json: what a fit was started with, so that it can be resumed, repeated and compared."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.auto.parts import Parts, Ways
from sensorium.core.describe import build, describe
from sensorium.core.errors import ArtifactError
from sensorium.data import read
from sensorium.data.lists import exploded
from sensorium.train import Plan

FILE = "run.json"
START = "start"
ROWS = "rows.npz"


@dataclass(frozen=True)
class Record:
    """What a fit was started with.

    Attributes:
        sources: paths of the table and, where they lie apart, of the validation and test tables;
            None for what was an object in memory, "" where no rows to choose by were wanted.
        fingerprints: the sha256 of the three parts.
        plan: how to train.
        reasons: why the parts were chosen.
        command: what was typed.
        how: how the rows were split, in words.
        ways: how the user wanted them split.
        lists: columns of lists, of which every item became a row.
        reading: keywords of ``read`` for all of the sources.
    """

    sources: tuple[str | None, ...]
    fingerprints: tuple[str, ...]
    plan: Plan
    reasons: tuple[str, ...]
    command: str
    how: str
    ways: Ways
    lists: tuple[str, ...] = ()
    reading: Mapping[str, Any] = field(default_factory=dict)

    def write(self, folder: Path, parts: Parts) -> None:
        """Write run.json and the rows of each part."""
        content = describe(self)
        (folder / FILE).write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n")
        rows = {name: np.asarray(getattr(parts, name).row_ids, np.int64) for name in PARTS}
        np.savez_compressed(folder / ROWS, **rows)  # type: ignore[arg-type]


PARTS = ("train", "valid", "test")


def read_record(folder: Path) -> Record:
    """Read run.json.

    Errors:
        ArtifactError: the folder holds no fit, or run.json is not readable.
    """
    file = folder / FILE
    if not file.is_file():
        msg = f"{folder} holds no {FILE}; name the folder of a fit, such as runs/mood-1"
        raise ArtifactError(msg)
    try:
        record: Record = build(
            json.loads(file.read_text()), {"Record": Record, "Plan": Plan, "Ways": Ways}
        )
    except (ValueError, TypeError) as error:
        msg = f"{file} cannot be read: {error}"
        raise ArtifactError(msg) from error
    return record


def parts_of(folder: Path, record: Record, source: Any = None) -> Parts:
    """Read the rows of a recorded fit again and check that they are the same.

    Args:
        folder: the fit's folder.
        record: its record.
        source: the table, for a fit whose table was an object in memory.

    Errors:
        ArtifactError: the table is not to be had, or its rows have changed.
    """
    path, *apart = record.sources
    if source is None and path is None:
        msg = f"the fit in {folder} was made from a table in memory; pass it as source="
        raise ArtifactError(msg)
    again = read(path, **record.reading) if source is None else read(source)
    whole = exploded(again, record.lists)
    with np.load(folder / ROWS, allow_pickle=False) as rows:
        index = {name: rows[name] for name in PARTS}
    train, valid, test = (
        (exploded(read(extra, **record.reading), record.lists) if extra else whole).take(
            index[name]
        )
        for name, extra in zip(PARTS, (None, *apart), strict=True)
    )
    parts = Parts(train, valid, test, record.how)
    digests = zip(PARTS, parts.fingerprints, record.fingerprints, strict=True)
    changed = [name for name, found, expected in digests if found != expected]
    if changed:
        msg = (
            f"the {', '.join(changed)} rows of {path or 'the table'} have changed since the fit "
            f"in {folder} began: bring the old table back, or start a new fit"
        )
        raise ArtifactError(msg)
    return parts


def learned_from(folder: Path, table: str | Path) -> int:
    """Count the rows of a table's file that a fit learned from; 0 where no fit is there.

    Args:
        folder: a fit's, or the model's in it.
        table: the file.

    Errors:
        ArtifactError: run.json is not readable.
    """
    if not (folder / FILE).is_file():
        folder = folder.absolute().parent
    if not (folder / FILE).is_file() or not (folder / ROWS).is_file():
        return 0
    if read_record(folder).sources[0] != str(Path(table).absolute()):
        return 0
    with np.load(folder / ROWS, allow_pickle=False) as rows:
        return len(rows["train"])


def command_line() -> str:
    """Give what was typed, or "" inside another program."""
    name = Path(sys.argv[0]).name
    return " ".join(["sensorium", *sys.argv[1:]]) if name.startswith("sensorium") else ""
