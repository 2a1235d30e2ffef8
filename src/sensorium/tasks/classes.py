"""The classes of a target: which there are, and how much each counts."""

from collections.abc import Mapping, Sequence
from typing import Any

from sensorium.core.errors import PartError, all_at_once, nearest
from sensorium.preprocess.step import Step


def classes_of(target: str, step: Step) -> tuple[Any, ...]:
    """List the classes of a fitted target step, in the order of their numbers.

    Errors:
        PartError: the target has no classes, or fewer than two.
    """
    if getattr(step.field, "many", False):
        msg = f"target {target!r} holds lists of tags; learn them with Tag({target!r})"
        raise PartError(msg)
    if step.kind not in ("category", "flag"):
        msg = (
            f"target {target!r} is of kind {step.kind!r} and has no classes; declare it as "
            f"Category() or Flag(), or learn a number with Regress({target!r})"
        )
        raise PartError(msg)
    classes = (False, True) if step.kind == "flag" else tuple(getattr(step, "classes"))  # noqa: B009
    counts = getattr(step, "counts", None) or [1] * len(classes)
    met = [name for name, count in zip(classes, counts, strict=True) if count]
    if len(met) < 2:
        msg = (
            f"target {target!r} has {'one class only' if met else 'no class'} in the training "
            f"rows{f': {met[0]!r}' if met else ''}; there is nothing to tell apart"
        )
        raise PartError(msg)
    whole = getattr(step.field, "whole", False) and all(map(_is_whole, classes))
    return tuple(map(int, classes)) if whole else classes


def _is_whole(name: Any) -> bool:
    return str(name).removeprefix("-").isdecimal()


def tags_of(target: str, step: Step) -> tuple[str, ...]:
    """List the tags of a fitted target step.

    Errors:
        PartError: the target has no tags.
    """
    if not getattr(step.field, "many", False):
        msg = f"target {target!r} holds no lists of tags; declare it as Category(many=True)"
        raise PartError(msg)
    tags = tuple(getattr(step, "classes"))  # noqa: B009  Step is the door; only some have it
    if not tags:
        msg = f"target {target!r} has no tag in any training row"
        raise PartError(msg)
    return tags


def balanced_weights(target: str, step: Step) -> list[float]:
    """Weigh each class by rows / (classes * its rows), so that all count alike in sum.

    Errors:
        PartError: the step did not count its classes.
    """
    counts: Sequence[int] | None = getattr(step, "counts", None)
    if counts is None:
        msg = f"{type(step).__name__} of {target!r} has no counts; give class_weights as a mapping"
        raise PartError(msg)
    met = [count for count in counts if count]
    return [sum(met) / (len(met) * count) if count else 0.0 for count in counts]


def named_weights(target: str, weights: Mapping[str, float], classes: Sequence[Any]) -> list[float]:
    """Lay weights by class name in the order of the classes; a class not named counts 1.

    Errors:
        PartError: names that are no classes; names them all.
    """
    names = [str(label) for label in classes]
    given = {str(name): float(weight) for name, weight in weights.items()}
    faults = [f"no class {name!r}{nearest(name, names)}" for name in given if name not in names]
    if faults:
        raise PartError(all_at_once(f"class_weights of {target!r} do not fit:", faults))
    return [given.get(name, 1.0) for name in names]


def below_zero(options: Mapping[str, float]) -> list[str]:
    """Name the options that are negative."""
    return [f"{name} must be at least 0, found {v}" for name, v in options.items() if not v >= 0]
