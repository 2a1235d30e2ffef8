"""The stages of a network of ``timm``, by the points where the package says it gives features.

What is not known here: what comes before the first point (a stem), and what comes behind the last
one (a head, final norms); they belong to no stage.
"""

from collections.abc import Iterator
from typing import Any

from torch import nn

STAGES = ("blocks", "stages", "layers", "features")
"""What networks that name no such points call the sequence of their blocks."""


def stages(model: Any) -> list[nn.ModuleList]:
    """List the stages of a network, the first to work first.

    A stage reaches from behind one point up to the next, in the order in which the network lists
    its parts, so that what lies between two points (a transition, a block that gives no features)
    belongs to the later one. In a transformer each block is a point.

    Args:
        model: a network; its ``feature_info`` names the points.

    Returns:
        The parts of each stage that has weights; none where the network names no parts that it has.
    """
    spans, weights = _spans(model)
    points = [spans[name] for name in _points(model) if name and name in spans]
    found, start = [], points[0].start if points else 0
    for point in points:
        if inside := {id(weight) for weight in weights[start : point.stop]}:
            found.append(nn.ModuleList(_within(model, inside)))
        start = max(start, point.stop)
    return found


def _spans(model: nn.Module) -> tuple[dict[str, range], list[nn.Parameter]]:
    """Find which of all weights each part holds; one without weights stands between two."""
    spans: dict[str, range] = {}
    weights: list[nn.Parameter] = []
    for name, part in model.named_modules():
        spans[name] = range(len(weights), len(weights) + len(list(part.parameters())))
        weights += part.parameters(recurse=False)
    return spans, weights


def _points(model: Any) -> list[str]:
    """Name the parts that end a stage; an object of several kinds says it, or a plain list."""
    said = getattr(model, "feature_info", None) or []
    names = [str(entry["module"]) for entry in getattr(said, "info", said)]
    have = {name for name, _ in model.named_modules()}
    if have.intersection(names):
        return list(dict.fromkeys(names))
    for name in STAGES:
        sequence = getattr(model, name, None)
        if isinstance(sequence, nn.ModuleList | nn.Sequential):
            return [f"{name}.{place}" for place in range(len(sequence))]
    return []


def _within(part: nn.Module, inside: set[int]) -> Iterator[nn.Module]:
    """List the largest parts all of whose weights are inside."""
    own = [id(weight) for weight in part.parameters()]
    if own and inside.issuperset(own):
        yield part
    elif not inside.isdisjoint(own):
        for child in part.children():
            yield from _within(child, inside)
