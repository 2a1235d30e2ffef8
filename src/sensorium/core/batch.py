"""The tensors that flow: Column -> Encoded -> Fused -> Features, a Batch at a time.

Legend: batch = rows, time = steps of a sequence (1 where there is none), width = the one width of
all parts. ``present`` says which rows have the cell at all; ``mask`` which steps are not padding.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor

from sensorium.core.faults import RowId


@dataclass(frozen=True, slots=True)
class Layout:
    """What an encoder must know of a fitted column before it makes its weights.

    Attributes:
        kind: the field's kind, such as ``"text"``.
        channels: picture or signal channels; the size of a vector; date parts.
        vocabulary: how many different ids ``values`` may hold (0 where they are not ids).
        length: the longest ``time``; for pictures the side, px.
        rate: samples a second, Hz (sounds).
        edges: quantiles of the scaled training values, rising (numbers).
        tokenizer: the sha256 of a tokenizer that came from a file ("" where rows taught it).
        words: the words in the order of their ids, where ids stand for words.
    """

    kind: str
    channels: int = 1
    vocabulary: int = 0
    length: int = 1
    rate: float = 0.0
    edges: tuple[float, ...] = ()
    tokenizer: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a batch.

    Values by kind: text Int[batch time]; image UInt8[batch channels height width];
    audio Float[batch time] in -1..1; number Float[batch 1]; category and flag Int[batch 1]
    (a category of many: Float[batch classes]); date Float[batch parts];
    series Float[batch time channels]; vector Float[batch size].

    Of a column that a frozen encoder went through already (``extracted``), whatever its kind:
    Float[batch time features]. ``identity``, where it was asked for, says which cells are the
    same: cells of one number are. ``texts``, of a column of words: the words of each row as they
    were read, of a target all those that would be right; () where there are none.
    """

    values: Shaped[Tensor, " batch *rest"]
    mask: Bool[Tensor, " batch time"]
    present: Bool[Tensor, " batch"]
    extracted: bool = False
    identity: Int64[Tensor, " batch"] | None = None
    texts: tuple[tuple[str, ...], ...] | None = None

    def to(self, device: torch.device | str) -> "Column":
        """Move to a device."""
        return self._each(lambda x: x.to(device))

    def rows(self, index: Tensor) -> "Column":
        """Take some rows."""
        some = self._each(lambda x: x[index])
        if self.texts is None:
            return some
        return replace(some, texts=tuple(self.texts[row] for row in index.tolist()))

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Column":
        values, mask, present = map(change, (self.values, self.mask, self.present))
        identity = None if self.identity is None else change(self.identity)
        return replace(self, values=values, mask=mask, present=present, identity=identity)


@dataclass(frozen=True, eq=False)
class Batch:
    """Columns by name, inputs and targets alike, and the ids of the rows."""

    columns: Mapping[str, Column]
    rows: tuple[RowId, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: torch.device | str) -> "Batch":
        """Move to a device."""
        return replace(self, columns={name: c.to(device) for name, c in self.columns.items()})

    def rows_of(self, index: Tensor) -> "Batch":
        """Take some rows."""
        columns = {name: column.rows(index) for name, column in self.columns.items()}
        return Batch(columns, tuple(self.rows[i] for i in index.tolist()))

    def without(self, *names: str) -> "Batch":
        """Take columns away: their cells become absent."""
        gone = {
            name: replace(self.columns[name], present=torch.zeros_like(self.columns[name].present))
            for name in names
        }
        return replace(self, columns={**self.columns, **gone})


@dataclass(frozen=True, eq=False)
class Encoded:
    """One column after its encoder: tokens of the common width."""

    tokens: Float[Tensor, " batch time width"]
    mask: Bool[Tensor, " batch time"]
    present: Bool[Tensor, " batch"]

    def pooled(self) -> Float[Tensor, " batch width"]:
        """Average the unmasked tokens; 0 where there are none."""
        weight = self.mask.to(self.tokens.dtype).unsqueeze(-1)
        return (self.tokens * weight).sum(1) / weight.sum(1).clamp(min=1)


Decide = Callable[
    [Float[Tensor, " batch parts outputs"], Bool[Tensor, " batch parts"], str], Tensor
]


@dataclass(frozen=True, eq=False)
class Fused:
    """All columns after they met.

    Attributes:
        pooled: one vector a row.
        tokens, mask: a sequence a row, for decoders.
        parts: one vector a row from each column alone, for auxiliary heads and late fusion.
        present: which rows have which column.
        decide: late fusion only: (decisions of each part, their presence, ``"scores"`` for logits
            or ``"values"`` for numbers) -> the joint decision.
        lengths: how many of the last ``tokens`` are each column's own, in their order.
        voted: whether each column's own decision counts: the average of the present columns' weighs
            as much as the joint one, and is the answer in rows of one column.
    """

    pooled: Float[Tensor, " batch width"]
    tokens: Float[Tensor, " batch time width"]
    mask: Bool[Tensor, " batch time"]
    parts: Mapping[str, Float[Tensor, " batch _"]] = field(default_factory=dict)
    present: Mapping[str, Bool[Tensor, " batch"]] = field(default_factory=dict)
    decide: Decide | None = None
    lengths: Mapping[str, int] = field(default_factory=dict)
    voted: bool = False

    def own(self, name: str) -> Encoded:
        """Give the tokens of one column, after all met."""
        part = self.place(name)
        return Encoded(self.tokens[:, part], self.mask[:, part], self.present[name])

    def place(self, name: str) -> slice:
        """Tell where the tokens of one column stand."""
        before = self.tokens.shape[1] - sum(self.lengths.values())
        for column, length in self.lengths.items():
            if column == name:
                return slice(before, before + length)
            before += length
        raise KeyError(name)


@dataclass(frozen=True, eq=False)
class Features:
    """What ``model(batch)`` gives.

    Attributes:
        fused: the fused columns.
        outputs: raw outputs by target: logits [batch classes] or numbers [batch 1].
        alone: the same from each column alone, by column, then by target.
        texts: by column, the words of each row that answers are made of; () where there are none.
    """

    fused: Fused
    outputs: Mapping[str, Tensor] = field(default_factory=dict)
    alone: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    texts: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
