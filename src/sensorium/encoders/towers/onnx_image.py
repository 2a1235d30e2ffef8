"""Any picture encoder in ONNX, frozen; a ``preprocessor_config.json`` beside it tells its colours.

Legend: batch = rows, time = tokens, features = what the model's output is wide.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.schema import Field
from sensorium.encoders.towers.framing import Framing, places, read_framing
from sensorium.encoders.towers.graph import Graph
from sensorium.encoders.towers.onnx import demand_kind, sizes
from sensorium.encoders.towers.tower import Tower


class OnnxImage(Tower):
    """A picture encoder in ONNX: [batch channels high wide] in, or channels last."""

    kind: ClassVar[str] = "image"
    trainable: ClassVar[bool] = False

    def __init__(self, graph: Graph, known: Mapping[str, Any]) -> None:
        super().__init__()
        self.graph = graph
        self.known = dict(known)
        self.features = self.summed = int(known["features"])
        self.eval()
        self.framing = Framing(known)

    @classmethod
    def open(cls, file: Path) -> "OnnxImage":
        """Read an ONNX file, and how it wants its pictures.

        Errors:
            PartError: it reads no pictures.
        """
        graph = Graph.read(file)
        demand_kind(file, graph, cls.kind)
        port = graph.ports[0]
        last = port.shape[1] not in (1, 3) and port.shape[3] in (1, 3)
        channels, side = (port.shape[3 if last else 1] or 3), port.shape[2]
        known = {
            "bytes": graph.content.numel(),
            "input": port.name,
            "last": last,
            **read_framing(file.parent, side, channels),
        }
        blank = torch.zeros(1, channels, known["side_px"], known["side_px"])
        given = {port.name: _turned(blank, last=last)}
        return cls(graph, known | sizes(file, graph, given, cls.kind, last=last))

    @classmethod
    def remade(cls, known: Mapping[str, Any]) -> "OnnxImage":
        """Make it again from its state, without the file."""
        return cls(Graph.blank(known["bytes"]), known)

    def state(self) -> Mapping[str, Any]:
        """Give sizes and colours."""
        return self.known

    def tokens(self, column: Column) -> Encoded:
        """Give the places of its grid or its tokens, or its summary as the only one."""
        return places(self._run(column), column)

    def summary(self, column: Column) -> Float[Tensor, " batch summed"]:
        """Give its summary, or the mean of its places."""
        found = self._run(column)
        return found if found.ndim == 2 else found.mean(1)

    def _run(self, column: Column) -> Tensor:
        given = _turned(self.framing(column.values), last=self.known["last"])
        found: Tensor = self.graph({self.known["input"]: given})
        if found.ndim == 4:
            found = found.flatten(1, 2) if self.known["last"] else found.flatten(2).mT
        return found

    def blocks(self) -> Sequence[nn.Module]:
        """List none: it cannot be trained."""
        return []

    def suited(self, field: Field) -> Field:
        """Take its side, px, and its colours."""
        return self.framing.suited(field)

    def check(self, layout: Layout) -> None:
        """Accept any picture: one of another side is scaled."""


def _turned(x: Tensor, *, last: bool) -> Tensor:
    return x.permute(0, 2, 3, 1) if last else x
