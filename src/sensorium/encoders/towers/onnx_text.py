"""Any text encoder in ONNX, frozen, with the ``tokenizer.json`` beside its file.

Legend: batch = rows, time = tokens, features = what the model's output is wide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from tokenizers import Tokenizer
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.errors import PartError
from sensorium.core.schema import Field, Text
from sensorium.encoders.encoder import as_encoded, one_token
from sensorium.encoders.towers.graph import Graph
from sensorium.encoders.towers.onnx import demand_kind, sizes
from sensorium.encoders.towers.source import read_json
from sensorium.encoders.towers.text import demand_tokens
from sensorium.encoders.towers.tower import Tower
from sensorium.nn.masks import masked_mean
from sensorium.store.content import tokenizer_digest

LONGEST = 512
"""Tokens, where neither the model nor its tokenizer names a limit."""


class OnnxText(Tower):
    """A text encoder in ONNX: token ids in, and their mask where it asks for one."""

    kind: ClassVar[str] = "text"
    trainable: ClassVar[bool] = False

    def __init__(self, graph: Graph, known: Mapping[str, Any]) -> None:
        super().__init__()
        self.graph = graph
        self.known = dict(known)
        self.features = self.summed = int(known["features"])
        self.eval()

    @classmethod
    def open(cls, file: Path) -> "OnnxText":
        """Read an ONNX file and the tokenizer beside it.

        Errors:
            PartError: it reads no texts, or there is no tokenizer.
        """
        graph = Graph.read(file)
        demand_kind(file, graph, cls.kind)
        rules = file.parent / "tokenizer.json"
        if not rules.is_file():
            msg = f"{file} reads texts, but there is no {rules.name} beside it: copy it there"
            raise PartError(msg)
        length = graph.ports[0].shape[1]
        ids = torch.ones(1, length or 8, dtype=torch.long)
        known: dict[str, Any] = {
            "bytes": graph.content.numel(),
            "inputs": [port.name for port in graph.ports],
            "tokenizer": str(file.parent),
            "digest": tokenizer_digest(Tokenizer.from_file(str(rules)).to_str()),
            "length": length,
            "max_tokens": length or _limit(file.parent),
        }
        return cls(graph, known | sizes(file, graph, dict.fromkeys(known["inputs"], ids), cls.kind))

    @classmethod
    def remade(cls, known: Mapping[str, Any]) -> "OnnxText":
        """Make it again from its state, without the file."""
        return cls(Graph.blank(known["bytes"]), known)

    def state(self) -> Mapping[str, Any]:
        """Give sizes, inputs and limits."""
        return self.known

    def tokens(self, column: Column) -> Encoded:
        """Give its tokens, or its summary as the only one."""
        found = self._run(column)
        if found.ndim == 2:
            return one_token(found, column)
        return as_encoded(found[:, : column.mask.shape[1]], column.mask, column)

    def summary(self, column: Column) -> Float[Tensor, " batch summed"]:
        """Give its summary, or the mean of its tokens."""
        found = self._run(column)
        return (
            found if found.ndim == 2 else masked_mean(found[:, : column.mask.shape[1]], column.mask)
        )

    def _run(self, column: Column) -> Tensor:
        real = column.mask.long()
        ids = column.values * real
        given = {"input_ids": ids, "attention_mask": real, "token_type_ids": torch.zeros_like(ids)}
        lack = max(self.known["length"] - ids.shape[1], 0)
        found: Tensor = self.graph({n: F.pad(given[n], (0, lack)) for n in self.known["inputs"]})
        return found

    def blocks(self) -> Sequence[nn.Module]:
        """List none: it cannot be trained."""
        return []

    def suited(self, field: Field) -> Field:
        """Take the tokenizer beside the file, and the model's limit."""
        if not isinstance(field, Text):
            return field
        most = min(field.max_tokens, self.known["max_tokens"])
        return replace(field, tokenizer=self.known["tokenizer"], max_tokens=most)

    def check(self, layout: Layout) -> None:
        """Compare the tokenizers, by the sha256 of their rules, and the lengths."""
        demand_tokens(layout, self.known)


def _limit(folder: Path) -> int:
    """Find the most tokens that a model takes, in the files beside it."""
    named = read_json(folder, "tokenizer_config.json").get("model_max_length")
    places = read_json(folder, "config.json").get("max_position_embeddings")
    limits = [n for n in (named, places) if isinstance(n, int) and 0 < n < 100_000]
    return min(limits, default=LONGEST)
