"""Plan: every option of training, in one frozen object. Knows no model and no data."""

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args, get_type_hints

from sensorium.core.describe import plain
from sensorium.core.errors import PlanError, all_at_once
from sensorium.preprocess.augment import unknown_augmentations

Optimiser = Literal["adamw", "adam", "sgd", "momentum", "nesterov"]
Precision = Literal["auto", "fp32", "bf16"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train.

    Attributes:
        epochs: passes over the training rows.
        minutes: a time budget; fewer epochs are made when it would be overrun. None: no limit.
        rows_per_step: rows in one batch.
        rows_per_pass: rows encoded at once where the loss compares the rows of a batch with each
            other (``Align``): a batch beyond memory in several passes, its gradients exactly
            those of the whole (Gao et al. 2021). 0 encodes them together.
        accumulate: batches in one step of the optimiser.
        optimiser: ``"adamw"``, ``"adam"``, ``"sgd"`` (plain gradient descent; with
            ``rows_per_step`` as large as the table it is full gradient descent), ``"momentum"``
            or ``"nesterov"``.
        rate: the highest learning rate.
        momentum: for ``"momentum"`` and ``"nesterov"``.
        weight_decay: pulls matrices to 0; biases, norms and learned tokens are left alone.
        warmup: share of all steps in which the rate rises.
        schedule: ``"cosine"`` falls to 0 after the warm-up; ``"constant"`` stays.
        clip: the longest gradient; 0 does not clip.
        ema: decay of an average of the weights, used instead of them; 0 keeps none.
        patience: stop after so many epochs without a better validation score; 0 never stops.
        keep: ``"best"`` keeps the weights of the best validation score; of scores within one
            standard error of each other, those of the least error. ``"last"`` keeps the last.
        precision: ``"auto"`` times a few steps of each and keeps the faster.
        modality_dropout: share of cells hidden while training, never all of a row.
        augment: names from ``sensorium.preprocess.AUGMENTATIONS``.
        views: of each cell of a frozen encoder's column, where it is augmented: so many varied
            ones are made beforehand, and epochs take turns.
        mixup: strength of mixup of dense columns (the Beta distribution's alpha); 0 is none.
        cutmix: the same for cutmix of pictures.
        checkpoint_seconds: a checkpoint is written after a step of the optimiser when the last one
            is older than this, and at the end.
        threads: of the processor; 0 leaves torch's choice.
        seed: draws order, augmentation and dropout.
        tensorboard: write TensorBoard events too (needs ``sensorium[tensorboard]``).
    """

    epochs: int = 20
    minutes: float | None = None
    rows_per_step: int = 64
    rows_per_pass: int = 0
    accumulate: int = 1
    optimiser: Optimiser = "adamw"
    rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 0.05
    warmup: float = 0.1
    schedule: Literal["cosine", "constant"] = "cosine"
    clip: float = 1.0
    ema: float = 0.0
    patience: int = 0
    keep: Literal["best", "last"] = "best"
    precision: Precision = "auto"
    modality_dropout: float = 0.15
    augment: tuple[str, ...] = ()
    views: int = 8
    mixup: float = 0.0
    cutmix: float = 0.0
    checkpoint_seconds: float = 30.0
    threads: int = 0
    seed: int = 0
    tensorboard: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "augment", tuple(self.augment))
        for name in RANGES:
            object.__setattr__(self, name, plain(getattr(self, name)))
        faults = [fault for part in fields(self) for fault in self._fault(part.name)]
        if not faults and self.rows_per_pass and (self.mixup or self.cutmix):
            faults = ["rows_per_pass goes without mixup and cutmix: set them, or it, to 0"]
        if faults:
            raise PlanError(all_at_once("This plan cannot be:", faults))

    def _fault(self, name: str) -> list[str]:
        value = getattr(self, name)
        if name == "augment":
            return _unknown_changes(value)
        choices = get_args(get_type_hints(Plan)[name])
        if choices and all(isinstance(choice, str) for choice in choices):
            known = ", ".join(map(repr, choices))
            return [] if value in choices else [f"{name} is one of {known}, found {value!r}"]
        if name not in RANGES or value is None:
            return []
        if isinstance(value, float) and get_type_hints(Plan)[name] is int:
            return [f"{name} is a whole number, found {value!r}"]
        return _out_of_range(name, value)


RANGES: dict[str, tuple[float, float]] = {
    "epochs": (1, 1_000_000),
    "minutes": (0.01, 1_000_000),
    "rows_per_step": (1, 1_000_000),
    "rows_per_pass": (0, 1_000_000),
    "accumulate": (1, 1_000_000),
    "rate": (0, 100),
    "momentum": (0, 1),
    "weight_decay": (0, 100),
    "warmup": (0, 1),
    "clip": (0, 1e9),
    "ema": (0, 0.999999),
    "patience": (0, 1_000_000),
    "modality_dropout": (0, 0.95),
    "views": (1, 10_000),
    "mixup": (0, 10),
    "cutmix": (0, 10),
    "checkpoint_seconds": (0, 1e9),
    "threads": (0, 1024),
}
"""The least and greatest value of each number."""
MIXES = ("mixup", "cutmix")


def _unknown_changes(names: tuple[str, ...]) -> list[str]:
    mixes = [f"{n!r} in augment is an option of its own: {n}=0.2" for n in MIXES if n in names]
    others = unknown_augmentations([name for name in names if name not in MIXES])
    return mixes + [f"augment knows no {name}" for name in others]


def _out_of_range(name: str, value: Any) -> list[str]:
    least, most = RANGES[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return [f"{name} is a number, found {value!r}"]
    if not least <= value <= most:
        return [f"{name} lies between {least:g} and {most:g}, found {value!r}"]
    return []
