"""The head of a target with any number of tags a row: a logit and a threshold each."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from sensorium.core.batch import Column, Decide
from sensorium.metrics.tags import mean_average_precision, tag_log_losses, tag_scores
from sensorium.metrics.tally import Score, Weight
from sensorium.tasks.head import Array, Head
from sensorium.tasks.threshold import UNSURE, best_threshold, kept_below


def tag_losses(
    logits: Float[Tensor, " rows tags"], truth: Float[Tensor, " rows tags"], focal: float = 0.0
) -> Float[Tensor, " rows tags"]:
    """Give each tag's binary cross entropy.

    Args:
        logits: before the sigmoid.
        truth: 0 or 1.
        focal: gamma; each tag counts (1 - p)^gamma, p its probability of the truth.
    """
    losses = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    if not focal:
        return losses
    wrong = torch.sigmoid(logits * (1 - 2 * truth))
    return wrong.clamp(min=1e-7) ** focal * losses


class TagHead(Head):
    """Any number of tags a row.

    Args:
        width: width of the vectors.
        parts: how many input columns.
        tags: the tags.
        importance: how much each tag counts in the loss; None counts all alike.
        focal: as in ``tag_losses``.

    Attributes:
        thresholds: the probability from which on each tag is answered, Float[tags]; saved with
            the weights.
    """

    form: ClassVar[str] = "tags"
    importance: Tensor
    thresholds: Tensor

    def __init__(
        self,
        width: int,
        parts: int,
        tags: Sequence[str],
        *,
        importance: Sequence[float] | None = None,
        focal: float = 0.0,
    ) -> None:
        super().__init__(width, parts, len(tags))
        self.names = tuple(tags)
        self.primary = "map"
        self.learns_threshold = True
        self.focal = focal
        self.register_buffer("importance", torch.tensor(importance or [1.0] * len(tags)))
        self.register_buffer("thresholds", kept_below([UNSURE] * len(tags)))

    def together(
        self,
        decide: Decide,
        alone: Float[Tensor, " batch parts tags"],
        present: Bool[Tensor, " batch parts"],
    ) -> Float[Tensor, " batch tags"]:
        """Decide on each tag by itself: a choice between the classes no and yes."""
        batch, _, tags = alone.shape
        yes = alone.transpose(1, 2).flatten(0, 1)
        both = decide(
            torch.stack([torch.zeros_like(yes), yes], -1),
            present.repeat_interleave(tags, 0),
            "scores",
        )
        return (both[:, 1] - both[:, 0]).view(batch, tags)

    def loss(self, outputs: Tensor, column: Column, weight: Tensor | None = None) -> Tensor:
        """Average over the rows that have the target and over the tags by their importance."""
        counts = column.present if weight is None else column.present & weight
        truth = column.values[counts, : len(self.names)].to(outputs.dtype)
        losses = tag_losses(outputs[counts], truth, self.focal)
        share = self.importance.to(losses.dtype) / self.importance.sum()
        return (losses * share).sum() / max(1, len(losses))

    def decide(self, outputs: Tensor) -> Array:
        """Give each tag's probability, [rows tags]."""
        return outputs.detach().cpu().double().sigmoid().numpy()

    def truth(self, column: Column) -> Array:
        """Give 0/1 by tag; -1 in rows that do not have the target."""
        truth = column.values[:, : len(self.names)].long()
        return torch.where(column.present[:, None], truth, -1).cpu().numpy()

    def chosen(self, decided: Array) -> Bool[np.ndarray, " rows tags"]:
        """Say which tags are answered: those at or above their thresholds."""
        return decided >= self.thresholds.cpu().double().numpy()

    def answers(self, decided: Array) -> list[Any]:
        """Give each row's list of tags, in the order of ``names``."""
        return [
            [name for name, yes in zip(self.names, row, strict=True) if yes]
            for row in self.chosen(decided)
        ]

    def fit_thresholds(self, truth: Array, decided: Array) -> None:
        """Choose each tag's threshold so that its F1 on these rows is highest."""
        rows = self.known(truth)
        tags = zip(truth[rows].T == 1, decided[rows].T, strict=True)
        best = [best_threshold(*tag) for tag in tags]
        self.thresholds.copy_(kept_below(best))

    def metrics(self, truth: Array, decided: Array, weight: Weight = None) -> Mapping[str, Score]:
        """Score tags and their ranking."""
        return tag_scores(truth == 1, self.chosen(decided), decided, weight)

    def score(self, truth: Array, decided: Array, weight: Weight = None) -> Score:
        """Give the primary metric alone."""
        return mean_average_precision(truth == 1, decided, weight)

    def errors(self, truth: Array, decided: Array) -> Array:
        """Give each row's binary log loss, averaged over its tags."""
        return tag_log_losses(truth == 1, decided)
