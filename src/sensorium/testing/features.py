"""Made-up fused features and what checks of tasks do to them: take rows, change, differentiate.

Legend: rows = batch, width = features of a vector, parts = input columns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from sensorium.core.batch import Batch, Fused

WIDTH = 8
PARTS = ("photo", "the.words")


def made_up(
    rows: int,
    seed: int = 0,
    lengths: Mapping[str, int] | None = None,
    parts: Sequence[str] = PARTS,
) -> Fused:
    """Make up fused features of some rows: the last but one lacks a part, the last lacks all.

    Args:
        rows: how many.
        seed: draws them.
        lengths: how many tokens each part has; None gives each one, its own vector.
        parts: the names of the parts.
    """
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(1 + len(parts), rows, WIDTH, generator=generator)
    present = torch.ones(len(parts), rows, dtype=torch.bool)
    present[0, -2:] = False
    present[:, -1] = False
    lengths = {name: (lengths or {}).get(name, 1) for name in parts}
    tokens = [vectors[0].unsqueeze(1)]
    for own, length in zip(vectors[1:], lengths.values(), strict=True):
        more = torch.randn(rows, length - 1, WIDTH, generator=generator)
        tokens += [own.unsqueeze(1), more]
    return Fused(
        pooled=vectors[0],
        tokens=torch.cat(tokens, 1),
        mask=torch.ones(rows, 1 + sum(lengths.values()), dtype=torch.bool),
        parts=dict(zip(parts, vectors[1:], strict=True)),
        present=dict(zip(parts, present, strict=True)),
        lengths=lengths,
    )


def changed(fused: Fused, change: Callable[[Tensor], Tensor]) -> Fused:
    """Change pooled, tokens and parts."""
    parts = {name: change(part) for name, part in fused.parts.items()}
    return replace(fused, pooled=change(fused.pooled), tokens=change(fused.tokens), parts=parts)


def fused_rows(fused: Fused, index: Tensor) -> Fused:
    """Take some rows."""
    return Fused(
        pooled=fused.pooled[index],
        tokens=fused.tokens[index],
        mask=fused.mask[index],
        parts={name: part[index] for name, part in fused.parts.items()},
        present={name: there[index] for name, there in fused.present.items()},
        lengths=fused.lengths,
    )


def batch_rows(batch: Batch, index: Tensor) -> Batch:
    """Take some rows."""
    columns = {name: column.rows(index) for name, column in batch.columns.items()}
    return Batch(columns, tuple(batch.rows[i] for i in index.tolist()))


def leaves_of(fused: Fused) -> tuple[Fused, list[Tensor]]:
    """Make pooled, tokens and parts leaves that require gradients."""
    leaves = changed(fused, lambda x: x.detach().clone().requires_grad_())
    return leaves, [leaves.pooled, leaves.tokens, *leaves.parts.values()]


def slopes_of(total: Tensor, leaves: Sequence[Tensor]) -> list[Tensor]:
    """Differentiate a number; 0 where a tensor has no part in it."""
    found = torch.autograd.grad(total, list(leaves), allow_unused=True)
    return [torch.zeros_like(x) if s is None else s for x, s in zip(leaves, found, strict=True)]


def without_targets(batch: Batch) -> Batch:
    """Take all columns away but inputs that a task reads word by word."""
    return batch.without(*(name for name in batch.columns if name not in PARTS))
