"""How training stops when it must: which rows, which cause, and that nothing is lost."""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from sensorium.core.batch import Batch
from sensorium.core.errors import TrainingError
from sensorium.model import Model
from sensorium.train.checkpoint import newest

FULL = (errno.ENOSPC, errno.EDQUOT)
NO_MEMORY = ("not enough memory", "can't allocate memory", "out of memory")


@contextmanager
def explained(folder: Path | None) -> Iterator[None]:
    """Turn running out of memory, or of disk, into an error that says what to do.

    Args:
        folder: the run's folder, to name the last whole checkpoint.
    """
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise TrainingError(_memory_message(folder)) from error
    except (OSError, SafetensorError) as error:
        if folder is None or not _is_full(error):
            raise
        msg = f"a disk is full, most likely that of {folder} ({error}); {kept(folder)}: make room"
        raise TrainingError(f"{msg} and resume") from error
    except RuntimeError as error:
        if not any(words in str(error).lower() for words in NO_MEMORY):
            raise
        raise TrainingError(_memory_message(folder)) from error


def _is_full(error: Exception) -> bool:
    """Tell whether writing failed for a full disk; safetensors says so in words alone."""
    if isinstance(error, OSError):
        return error.errno in FULL
    return any(f"(os error {number})" in str(error) for number in FULL)


def kept(folder: Path | None) -> str:
    """Say which checkpoint is whole."""
    last = newest(folder) if folder else None
    return f"the last checkpoint, {last}, is whole" if last else "there is no checkpoint yet"


def _memory_message(folder: Path | None) -> str:
    return (
        "training ran out of memory: use fewer rows_per_step (and accumulate), smaller pictures "
        f"or shorter sounds, or narrower encoders; {kept(folder)}"
    )


def check_finite(
    model: Model, losses: Mapping[str, Tensor], batch: Batch, folder: Path | None
) -> None:
    """Stop when a loss is not finite, and name the rows that cause it.

    Errors:
        TrainingError: a loss is NaN or infinite.
    """
    sick = [name for name, loss in losses.items() if not torch.isfinite(loss)]
    if not sick:
        return
    rows = _sick_rows(model, batch)
    cause = (
        f"rows {', '.join(map(str, rows[:10]))} give it even alone: look at their cells"
        if rows
        else "no single row gives it, so the weights have diverged: lower the rate, or set clip"
    )
    msg = f"the loss {', '.join(map(repr, sick))} is not finite; {cause}; {kept(folder)}"
    raise TrainingError(msg)


def _sick_rows(model: Model, batch: Batch) -> list[int | str]:
    sick = []
    for number, row in enumerate(batch.rows):
        index = torch.tensor([number], device=model.device)
        columns = {name: column.rows(index) for name, column in batch.columns.items()}
        alone = Batch(columns, (row,))
        losses = model.task.loss(model.features(alone), alone)
        if not all(torch.isfinite(loss) for loss in losses.values()):
            sick.append(row)
    return [] if len(sick) == len(batch.rows) and len(sick) > 1 else sick
