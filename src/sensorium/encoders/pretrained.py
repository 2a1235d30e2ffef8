"""Any column by a pretrained network: frozen, with its last blocks free, in full, or with LoRA."""

from collections.abc import Mapping
from math import inf
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.counted import counted
from sensorium.core.errors import PartError, all_at_once
from sensorium.core.schema import Field
from sensorium.encoders.adapters import add_lora
from sensorium.encoders.encoder import Encoder, as_encoded
from sensorium.encoders.towers import Tower, open_tower, remade_tower
from sensorium.encoders.towers.text import pooled
from sensorium.nn import BatchNorm

KINDS = ("text", "image", "audio")
NORMS = (BatchNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
POOLS = ("auto", "mean", "max", "first", "last", "none", "full")


class Pretrained(Encoder):
    """A pretrained network, and a projection of what it gives to the common width.

    Frozen by default: then it works once on each distinct cell, and what it gave is kept on disk.
    The model that is saved holds all its weights, so the source is not needed again.
    """

    kinds: ClassVar[frozenset[str]] = frozenset(KINDS)

    def __init__(  # noqa: PLR0913, PLR0917  all are told apart by name
        self,
        source: str,
        width: int,
        pool: Literal["auto", "mean", "max", "first", "last", "none", "full"] = "auto",
        unfreeze_last: int | Literal["all"] = 0,
        lora: int = 0,
        pace: float | None = None,
        layer_decay: float = 1.0,
        dropout: float = 0.1,
        project: bool = True,  # noqa: FBT001, FBT002
        hub: bool = False,  # noqa: FBT001, FBT002  kept unchanged under its own name
        seconds: int = 0,
    ) -> None:
        """Choose the network and what of it is trained.

        Args:
            source: a folder of ``transformers`` or ``sentence-transformers``, or a hub id.
            width: the common width.
            pool: one token a cell, as the network was trained (``"auto"``) or by the ``"mean"``,
                ``"max"``, ``"first"`` or ``"last"`` of its tokens; ``"none"`` keeps them all, and
                ``"full"`` also what stands behind a cell's end, as the network's own decoder
                sees it.
            unfreeze_last: so many blocks, from the last, and what is behind them, are trained;
                ``"all"`` trains everything.
            lora: the rank of low-rank adapters (Hu et al. 2021) beside every linear layer; 0
                is none. The network's own weights stay as they are.
            pace: the rate of the network's weights beside the plan's; None takes 0.1 for adapters,
                which start at 0, and 0.01 for weights that were learned.
            layer_decay: the rate of each block beside that of the block after it.
            dropout: share of the network's features dropped while training.
            project: put a norm and a linear layer behind; without, the width must be the
                network's own, and its vectors stay what they are.
            hub: whether a hub id may be downloaded.
            seconds: how much of a sound Whisper hears at once; 0 is all that it learned to, 30
                seconds, up to which every sound is filled with silence. Of short sounds the
                features change little, and take time in proportion.

        Errors:
            PartError: options that cannot be.
        """
        super().__init__(width)
        self.source = str(source)
        self.pool = pool
        self.unfreeze_last = unfreeze_last
        self.lora = lora
        self.pace = pace
        self.layer_decay = layer_decay
        self.dropout = dropout
        self.project = project
        self.hub = hub
        self.seconds = seconds
        self._towers: dict[str, Tower] = {}
        self._known: Mapping[str, Any] = {}
        self._check()

    def _check(self) -> None:
        count = isinstance(self.unfreeze_last, int) and self.unfreeze_last >= 0
        rank = isinstance(self.lora, int) and self.lora >= 0
        wrong = {
            f"pool must be one of {', '.join(POOLS)}, found {self.pool!r}": self.pool not in POOLS,
            f"unfreeze_last is a count or 'all', found {self.unfreeze_last!r}": (
                self.unfreeze_last != "all" and not count
            ),
            f"lora is a rank, a whole number, 0 or more, found {self.lora!r}": not rank,
            "lora and unfreeze_last exclude each other: choose one": (
                self.lora and self.unfreeze_last
            ),
            f"layer_decay lies in 0..1, found {self.layer_decay}": not 0 < self.layer_decay <= 1,
            f"dropout is a share below 1, found {self.dropout}": not 0 <= self.dropout < 1,
            f"seconds is a whole number, 0 or more, found {self.seconds!r}": (
                not isinstance(self.seconds, int) or self.seconds < 0
            ),
            f"pace must be a number above 0, found {self.pace}": (
                self.pace is not None and not 0 < self.pace < inf
            ),
        }
        if faults := [fault for fault, found in wrong.items() if found]:
            raise PartError(all_at_once(f"Pretrained({self.source!r}) cannot be:", faults))

    def suited(self, field: Field) -> Field:
        """Take the network's own tokenizer, side or rate."""
        return self._tower(field.kind).suited(field) if field.kind in KINDS else field

    def _tower(self, kind: str) -> Tower:
        """Open the network once, for the field as for the weights."""
        if kind not in self._towers:
            self._towers[kind] = remade_tower(self._known) if self._known else self._opened(kind)
        return self._towers[kind]

    def _opened(self, kind: str) -> Tower:
        tower = open_tower(self.source, kind, hub=self.hub)
        if self.seconds:
            tower.shorten(self.seconds)
        return tower

    def setup(self, layout: Layout) -> None:
        """Take the network's weights, and make those of the projection."""
        self.tower = self._tower(layout.kind)
        self._towers = {}
        self.tower.check(layout)
        if (self.unfreeze_last or self.lora) and not self.tower.trainable:
            msg = (
                f"{self.source} cannot be trained: leave unfreeze_last=0 and lora=0, or bring it "
                "in the form that it was trained in"
            )
            raise PartError(msg)
        self.tower.requires_grad_(requires_grad=self.unfreeze_last == "all")
        if self.lora:
            add_lora(self.tower, self.tower.blocks(), self.lora, self.source)
        elif self.unfreeze_last and self.unfreeze_last != "all":
            blocks = list(self.tower.blocks())
            if self.unfreeze_last > len(blocks):
                fewer = f"free at most {len(blocks)}" if blocks else "leave it at 0"
                msg = (
                    f"{self.source} has {counted(len(blocks), 'block')}, asked to free "
                    f"{self.unfreeze_last}: {fewer}, or 'all'"
                )
                raise PartError(msg)
            for block in blocks[-self.unfreeze_last :]:
                block.requires_grad_(requires_grad=True)
            for weight in _after(self.tower, blocks):
                weight.requires_grad = True
        size = self.tower.summed if self.pool == "auto" else self.tower.features
        if not self.project and size != self.width:
            msg = f"{self.source} gives vectors of {size}, the width is {self.width}: width={size}"
            raise PartError(msg)
        self.norm = nn.LayerNorm(size) if self.project else nn.Identity()
        self.drop = nn.Dropout(self.dropout if self.project else 0.0)
        self.out = nn.Linear(size, self.width) if self.project else nn.Identity()

    @property
    def frozen(self) -> nn.Module | None:
        """The network, unless some of it is trained."""
        return None if self.unfreeze_last or self.lora else getattr(self, "tower", None)

    def train(self, mode: bool = True) -> "Pretrained":  # noqa: FBT001, FBT002  torch's own form
        """Keep a frozen network as it is in use: no dropout; and any as it was normalised.

        Batch norms keep the statistics of the rows that the network was pretrained on. With those
        of small batches in their place, a tuned network fell below the frozen one.
        """
        super().train(mode)
        if self.frozen is not None:
            self.tower.eval()
        elif "tower" in self._modules:
            for part in self.tower.modules():
                if isinstance(part, NORMS):
                    part.eval()
        return self

    def extract(self, column: Column) -> Column:
        """Run the network; a column that it went through already stays as it is."""
        if column.extracted:
            return column
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.frozen is None):
            found = self._run(column)
        return Column(found.tokens, found.mask, column.present, extracted=True)

    def _run(self, column: Column) -> Encoded:
        if self.pool == "none":
            return self.tower.tokens(column)
        if self.pool == "full":
            return self.tower.everything(column)
        if self.pool == "auto":
            vectors = self.tower.summary(column)
        else:
            found = self.tower.tokens(column)
            vectors = pooled(found.tokens, found.mask, self.pool)
        mask = torch.ones(len(vectors), 1, dtype=torch.bool, device=vectors.device)
        return Encoded(vectors.unsqueeze(1), mask, column.present)

    def encode(self, column: Column) -> Encoded:
        """Encode cells, or features that were extracted before."""
        found = self.extract(column)
        return as_encoded(self.out(self.drop(self.norm(found.values))), found.mask, column)

    def paces(self) -> Mapping[str, float]:
        """Slow the network down, its earlier blocks the more."""
        pace = (0.1 if self.lora else 0.01) if self.pace is None else self.pace
        blocks = list(self.tower.blocks())
        depth = {id(w): n for n, block in enumerate(blocks) for w in block.parameters()}
        last = len(blocks)
        outer = {id(w): last for w in _after(self.tower, blocks)}
        return {
            f"tower.{name}": pace
            * self.layer_decay ** (last - depth.get(id(weight), outer.get(id(weight), -1)))
            for name, weight in self.tower.named_parameters()
            if weight.requires_grad
        }

    def state(self) -> Mapping[str, Any]:
        """Give all that is needed to make the network again."""
        return {"tower": type(self.tower).__name__, "known": dict(self.tower.state())}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take it back; the weights will follow."""
        self._known = state


def _after(tower: Tower, blocks: list[nn.Module]) -> list[nn.Parameter]:
    """List the weights behind the last block: final norms and projections."""
    weights = list(tower.parameters())
    inside = {id(w) for block in blocks for w in block.parameters()}
    last = max((n for n, w in enumerate(weights) if id(w) in inside), default=-1)
    return weights[last + 1 :]
