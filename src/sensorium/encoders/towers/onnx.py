"""What all ONNX models have in common, whether they read texts, pictures or sounds.

The first output counts: [batch features] is a summary, [batch time features] are tokens, and
[batch features high wide] is a grid. None can be trained.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from sensorium.core.errors import PartError
from sensorium.encoders.towers.graph import Graph, Port

TEXT_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
RANKS = {"text": (2, 3), "image": (2, 3, 4), "audio": (2, 3)}
"""How many dimensions an output may have."""


def kind_of(ports: Sequence[Port]) -> str:
    """Tell what a model reads by its inputs; "" for something else."""
    first = ports[0]
    rest = {port.name for port in ports[1:]}
    if {port.name for port in ports} <= TEXT_INPUTS and first.name == "input_ids":
        return "text"
    if first.is_float and len(first.shape) == 4 and not rest:
        return "image"
    return "audio" if first.is_float and len(first.shape) == 2 and len(rest) < 2 else ""


def demand_kind(file: Path, graph: Graph, kind: str) -> None:
    """Compare what a model reads with the kind of a column.

    Errors:
        PartError: it reads something else.
    """
    found = kind_of(graph.ports)
    if found != kind:
        shown = "; ".join(map(str, graph.ports))
        reads = f"reads {found}" if found else "is for no text, image or audio"
        msg = f"{file} {reads}, the column is {kind}; the model takes {shown}"
        raise PartError(msg)


def sizes(
    file: Path, graph: Graph, given: Mapping[str, Tensor], kind: str, *, last: bool = False
) -> dict[str, int]:
    """Find how wide the first output is, by one run.

    Args:
        file: the model's file, for the message.
        graph: the model.
        given: an input of one row.
        kind: what it reads.
        last: whether the features of a grid come last.

    Errors:
        PartError: it does not run, or its output is nothing known here.
    """
    try:
        shape = graph(given).shape
    except Exception as error:  # the runtime has a dozen kinds of its own
        msg = f"{file} cannot be run on a first try ({error})"
        raise PartError(msg) from error
    if len(shape) not in RANKS[kind]:
        msg = f"{file} gives {list(shape)}, which is no summary and no tokens of {kind}"
        raise PartError(msg)
    return {"features": shape[1] if len(shape) == 4 and not last else shape[-1]}
