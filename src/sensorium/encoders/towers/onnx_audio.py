"""Any sound encoder in ONNX, frozen; a ``preprocessor_config.json`` beside it tells its rate.

Legend: batch = rows, time = tokens, features = what the model's output is wide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.errors import PartError
from sensorium.core.schema import Audio, Field
from sensorium.encoders.encoder import as_encoded, one_token
from sensorium.encoders.towers.framing import PROCESSOR
from sensorium.encoders.towers.graph import Graph
from sensorium.encoders.towers.onnx import demand_kind, sizes
from sensorium.encoders.towers.source import read_json
from sensorium.encoders.towers.tower import Tower
from sensorium.nn.masks import masked_mean


class OnnxAudio(Tower):
    """A sound encoder in ONNX: [batch samples] in, and their mask where it asks for one.

    Where it takes any length, each sound goes through by itself, so that no padding is heard.
    """

    kind: ClassVar[str] = "audio"
    trainable: ClassVar[bool] = False

    def __init__(self, graph: Graph, known: Mapping[str, Any]) -> None:
        super().__init__()
        self.graph = graph
        self.known = dict(known)
        self.features = self.summed = int(known["features"])
        self.eval()

    @classmethod
    def open(cls, file: Path) -> "OnnxAudio":
        """Read an ONNX file, and the rate that it hears.

        Errors:
            PartError: it reads no sounds.
        """
        graph = Graph.read(file)
        demand_kind(file, graph, cls.kind)
        said = read_json(file.parent, PROCESSOR)
        length, names = graph.ports[0].shape[1], [port.name for port in graph.ports]
        known = {
            "bytes": graph.content.numel(),
            "inputs": names,
            "length": length,
            "rate": int(said.get("sampling_rate", 0)),
            "evened": bool(said.get("do_normalize", False)),
        }
        given = dict.fromkeys(names, torch.ones(1, length or 16_000))
        return cls(graph, known | sizes(file, graph, given, cls.kind))

    @classmethod
    def remade(cls, known: Mapping[str, Any]) -> "OnnxAudio":
        """Make it again from its state, without the file."""
        return cls(Graph.blank(known["bytes"]), known)

    def state(self) -> Mapping[str, Any]:
        """Give sizes and rate."""
        return self.known

    def tokens(self, column: Column) -> Encoded:
        """Give the steps that heard something, or its summary as the only one."""
        found = [
            self._hear(row[real]) for row, real in zip(column.values, column.mask, strict=True)
        ]
        if found[0].ndim == 1:
            return one_token(torch.stack(found), column)
        lengths = torch.tensor([len(steps) for steps in found], device=column.mask.device)
        tokens = nn.utils.rnn.pad_sequence(found, batch_first=True)
        mask = torch.arange(tokens.shape[1], device=lengths.device) < lengths[:, None]
        return as_encoded(tokens, mask, column)

    def summary(self, column: Column) -> Float[Tensor, " batch summed"]:
        """Give its summary, or the mean of its steps."""
        found = self.tokens(column)
        return masked_mean(found.tokens, found.mask)

    def _hear(self, sound: Tensor) -> Tensor:
        """Run one sound, Float[samples]: Float[time features], or Float[features]."""
        length = self.known["length"]
        x = sound[:length] if length else sound
        if self.known["evened"]:
            x = (x - x.mean()) / (x.var(unbiased=False) + 1e-7).sqrt()
        heard, lack = len(x), max(length - len(x), 0)
        sounds = F.pad(x, (0, lack))[None]
        real = F.pad(torch.ones_like(x), (0, lack))[None]
        given = dict(zip(self.known["inputs"], (sounds, real), strict=False))
        found: Tensor = self.graph(given)[0]
        if found.ndim == 1 or not length:
            return found
        return found[: max(1, -(-len(found) * heard // length))]

    def blocks(self) -> Sequence[nn.Module]:
        """List none: it cannot be trained."""
        return []

    def suited(self, field: Field) -> Field:
        """Take the rate that it was trained on, Hz, where a file beside it names one."""
        if not isinstance(field, Audio):
            return field
        rate = self.known["rate"] or field.rate
        seconds = self.known["length"] / rate or field.seconds
        return replace(field, rate=rate, seconds=min(seconds, field.seconds))

    def check(self, layout: Layout) -> None:
        """Compare the rates."""
        rate = self.known["rate"]
        if rate and layout.rate != rate:
            msg = (
                f"the model hears {rate} Hz, the column has {layout.rate:g}; use Audio(rate={rate})"
            )
            raise PartError(msg)
