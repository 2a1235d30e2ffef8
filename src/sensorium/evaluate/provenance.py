"""Where a report's figures come from and what they cost: versions, data, seed, command, time."""

import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from sensorium.core.counted import counted
from sensorium.data.table import Table
from sensorium.model import Model

PACKAGES = ("sensorium", "torch", "numpy", "scikit-learn", "tokenizers")


@dataclass(frozen=True, slots=True)
class Cost:
    """What the model costs.

    Attributes:
        parameters: how many weights it has.
        epochs: passes over the training rows; 0 when it was not trained here.
        seconds: time spent training.
        rows_per_second: how fast it trained (median of the epochs).
        answers_per_second: how fast it answers, reading of cells apart.
        peak_megabytes: the most memory that this process held, in 10^6 bytes; 0 where unknown.
    """

    parameters: int
    epochs: int
    seconds: float
    rows_per_second: float
    answers_per_second: float
    peak_megabytes: float

    def in_words(self) -> dict[str, str]:
        """Write out what is known."""
        trained = {
            "epochs": f"{self.epochs:,}",
            "time training": f"{self.seconds:,.1f} s",
            "rows a second, training": f"{self.rows_per_second:,.0f}",
        }
        return {
            "weights": f"{self.parameters:,}",
            **(trained if self.epochs else {}),
            "rows a second, answering": f"{self.answers_per_second:,.0f}",
            **({"most memory": f"{self.peak_megabytes:,.0f} MB"} if self.peak_megabytes else {}),
        }


def cost_of(model: Model, history: Sequence[Mapping[str, Any]], answers_per_second: float) -> Cost:
    """Sum up the cost of a model.

    Args:
        model: the model.
        history: one record an epoch.
        answers_per_second: as measured.
    """
    speeds = sorted(float(record.get("rows_per_second", 0.0)) for record in history)
    return Cost(
        parameters=sum(weight.numel() for weight in model.parameters()),
        epochs=len(history),
        seconds=float(history[-1].get("seconds", 0.0)) if history else 0.0,
        rows_per_second=speeds[len(speeds) // 2] if speeds else 0.0,
        answers_per_second=answers_per_second,
        peak_megabytes=peak_megabytes(),
    )


def peak_megabytes() -> float:
    """Tell the most memory that this process held, in 10^6 bytes; 0 where it cannot be told."""
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def provenance_of(table: Table, train: Table | None, seed: int) -> dict[str, str]:
    """Say where figures come from, in words."""
    known = {
        "rows judged": f"{len(table):,}, sha256 {table.fingerprint}",
        "training rows": "" if train is None else f"{len(train):,}, sha256 {train.fingerprint}",
        "seed": str(seed),
        "command": command(),
        "versions": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, "
        f"{counted(torch.get_num_threads(), 'thread')}",
        "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
    return {name: value for name, value in known.items() if value}


def command() -> str:
    """Give what was typed, without the folder of the program."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
