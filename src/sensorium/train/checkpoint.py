"""Checkpoints: all state of a fit in one sealed folder, renamed when whole.

Random numbers need no state: every draw is derived from (seed, purpose, step). So weights,
optimiser, average, best weights and the counters are all there is; tensors go into safetensors,
the rest into JSON.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sensorium.core.errors import ArtifactError
from sensorium.core.faults import RowId
from sensorium.store.folder import SEAL, opened, written

INDEX = "checkpoint.json"
PREFIX = "checkpoint-"


@dataclass(slots=True)
class Progress:
    """The counters of a fit: all that is not a tensor.

    Attributes:
        epoch: the epoch under way, from 0.
        step: the next step within the epoch.
        total: steps made in all.
        seconds: time spent training, over all its pieces.
        best: the best validation score so far.
        best_epoch: the epoch whose weights are kept as the best.
        settled: what was decided by measuring before the first step, such as the precision.
        history: one record an epoch.
        running: sums of the epoch under way (losses, rows).
        short: by target that is heard, the rows whose text does not fit into their sound.
        done: whether training came to its end.
    """

    epoch: int = 0
    step: int = 0
    total: int = 0
    seconds: float = 0.0
    best: float | None = None
    best_epoch: int = -1
    settled: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    running: dict[str, float] = field(default_factory=dict)
    short: dict[str, list[RowId]] = field(default_factory=dict)
    done: bool = False


def save_checkpoint(
    folder: Path, progress: Progress, tensors: Mapping[str, Mapping[str, Tensor]]
) -> Path:
    """Write a checkpoint beside the others, then drop all but the two newest.

    Args:
        folder: the run's folder.
        progress: the counters.
        tensors: named groups of tensors (weights, optimiser, average, best).

    Errors:
        OSError, SafetensorError: it cannot be written; older checkpoints stay as they were.
    """
    target = folder / f"{PREFIX}{progress.total:09d}-{progress.epoch:06d}"
    with written(target, INDEX, replace=True) as aside:
        for name, group in tensors.items():
            whole = {key: value.detach().cpu().contiguous() for key, value in group.items()}
            save_file(whole, aside / f"{name}.safetensors")
        text = json.dumps(asdict(progress), ensure_ascii=False, allow_nan=True)
        (aside / INDEX).write_text(text, encoding="utf-8")
    torn = folder.glob(f".{PREFIX}*.writing-*")  # left behind where a fit was killed
    for old in [*checkpoints(folder)[:-2], *torn]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def checkpoints(folder: Path) -> list[Path]:
    """List the whole checkpoints of a run, oldest first."""
    return sorted(path for path in folder.glob(f"{PREFIX}*") if (path / INDEX).is_file())


def newest(folder: Path) -> Path | None:
    """Find the newest checkpoint of a run."""
    return next(reversed(checkpoints(folder)), None)


def load_checkpoint(folder: Path) -> tuple[Progress, dict[str, dict[str, Tensor]]]:
    """Read a checkpoint.

    Errors:
        ArtifactError: it was changed or is torn.
    """
    content = opened(folder, INDEX)
    known = {name: content[name] for name in asdict(Progress()) if name in content}
    tensors = {
        Path(file).stem: {name: value.clone() for name, value in load_file(folder / file).items()}
        for file in sorted(content[SEAL])
        if file.endswith(".safetensors")
    }  # cloned, since tensors that lie askew in memory sum in another order
    return Progress(**known), tensors


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Flatten an optimiser's state to named tensors, ``"NUMBER.KEY"``."""
    state = optimiser.state_dict()["state"]
    return {
        f"{number}.{key}": torch.as_tensor(value)
        for number, entries in state.items()
        for key, value in entries.items()
        if value is not None
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Take back what ``optimiser_tensors`` gave.

    Errors:
        ArtifactError: the tensors are of another optimiser or model.
    """
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, key = name.split(".", 1)
        state.setdefault(int(number), {})[key] = value
    try:
        optimiser.load_state_dict(
            {"state": state, "param_groups": optimiser.state_dict()["param_groups"]}
        )
    except (ValueError, KeyError) as error:
        msg = f"the checkpoint's optimiser does not fit this model: {error}"
        raise ArtifactError(msg) from error
