"""Late fusion: every column decides by itself, and the decisions are combined.

Legend: batch = rows, parts = columns, outputs = classes, or 1 for a number. Decisions on classes
are logits of one column alone; what comes out is the logarithm of a probability, up to a constant
a row. Decisions on numbers are values.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sensorium.core.batch import Encoded, Fused
from sensorium.core.errors import PartError, nearest
from sensorium.fusion.fusion import Fusion, as_fused, averaged, stacked

COMBINE = ("mean", "weight", "product", "vote", "stack")

TIE = 1e-3
"""How much the average probability counts beside the votes: just enough to break a tie."""

Outputs = Float[Tensor, " batch parts outputs"]
Weights = Float[Tensor, " batch parts"]


def mixture(logits: Outputs, weights: Weights) -> Float[Tensor, " batch outputs"]:
    """Give the logarithm of the parts' average probability; weights sum to 1 a row."""
    # Not plainly weights.log(): its gradient at the weight 0 of an absent column is not a number.
    least = torch.finfo(weights.dtype).tiny
    log_weights = weights.clamp(min=least).log().masked_fill(weights == 0, float("-inf"))
    return torch.logsumexp(logits.log_softmax(-1) + log_weights.unsqueeze(-1), 1)


def pooled_opinion(logits: Outputs, weights: Weights) -> Float[Tensor, " batch outputs"]:
    """Multiply the parts' probabilities, each to the power of its weight (logarithms added)."""
    return (logits.log_softmax(-1) * weights.unsqueeze(-1)).sum(1)


def votes(logits: Outputs, weights: Weights) -> Float[Tensor, " batch outputs"]:
    """Give the logarithm of the share of votes; the average probability breaks ties."""
    chosen = torch.zeros_like(logits).scatter(-1, logits.argmax(-1, keepdim=True), 1.0)
    ballots = (chosen + TIE * logits.softmax(-1)) / (1 + TIE)
    return (ballots * weights.unsqueeze(-1)).sum(1).log()


def median(
    values: Outputs, counts: Bool[Tensor, " batch parts"]
) -> Float[Tensor, " batch outputs"]:
    """Give the median of the parts that count; of an even number, the middle of the middle two."""
    in_order = values.masked_fill(~counts.unsqueeze(-1), float("inf")).sort(1).values
    number = counts.sum(1)
    middle = torch.stack([(number - 1) // 2, number // 2], 1)
    return in_order.gather(1, middle.unsqueeze(-1).expand(-1, -1, values.shape[-1])).mean(1)


class Late(Fusion):
    """Combine the decisions of the columns that are present.

    - ``"mean"`` averages probabilities, or values.
    - ``"weight"`` averages with one learned weight a column.
    - ``"product"`` multiplies probabilities; of values, taken as equally sure, it is the mean.
    - ``"vote"`` counts the columns' first choices; of values it takes the median. While training,
      votes for classes are soft (probabilities), since a count has no gradient.
    - ``"stack"`` puts a linear model on the decisions (log probabilities, or values), whose
      weights depend on which columns are present (Sill et al. 2009).
    """

    def __init__(self, width: int, combine: str = "mean") -> None:
        """Choose how to combine.

        Args:
            width: the common width.
            combine: one of the ways above.

        Errors:
            PartError: ``combine`` is none of them.
        """
        super().__init__(width)
        self.combine = combine
        if combine not in COMBINE:
            msg = f"Late cannot combine by {combine!r}{nearest(combine, COMBINE)}"
            raise PartError(msg)

    def build(self, parts: int) -> None:
        """Make the weights of the combination, where it has any."""
        if self.combine == "weight":
            self.log_weights = nn.Parameter(torch.zeros(parts))
        if self.combine == "stack":
            self.stack = nn.Linear(parts, parts)
            nn.init.zeros_(self.stack.weight)
            nn.init.ones_(self.stack.bias)

    def fuse(self, encoded: Sequence[Encoded]) -> Fused:
        """Hand the columns on, side by side, with the way to decide."""
        fused = as_fused(averaged(*stacked(encoded)), encoded)
        return Fused(fused.pooled, fused.tokens, fused.mask, decide=self.decide)

    def decide(
        self, outputs: Outputs, present: Bool[Tensor, " batch parts"], kind: str
    ) -> Float[Tensor, " batch outputs"]:
        """Combine decisions; where no column is present, those of all the learned tokens.

        Args:
            outputs: the decision of each column alone.
            present: which columns each row has.
            kind: ``"scores"`` for logits of classes, ``"values"`` for numbers.
        """
        counts = present | ~present.any(1, keepdim=True)
        outputs = outputs.masked_fill(~counts.unsqueeze(-1), 0.0)
        weights = self._weights(counts, outputs.dtype)
        if kind == "values":
            if self.combine == "vote":
                return median(outputs, counts)
            return (outputs * weights.unsqueeze(-1)).sum(1)
        if self.combine == "vote" and not self.training:
            return votes(outputs, weights)
        if self.combine == "stack":
            return pooled_opinion(outputs, weights)
        if self.combine == "product":
            return pooled_opinion(outputs, counts.to(outputs.dtype))
        return mixture(outputs, weights)

    def _weights(self, counts: Bool[Tensor, " batch parts"], dtype: torch.dtype) -> Weights:
        equal = counts.to(dtype) / counts.sum(1, keepdim=True)
        if self.combine == "weight":
            each = self.log_weights.expand(len(counts), -1)
            return each.masked_fill(~counts, float("-inf")).softmax(1).to(dtype)
        if self.combine == "stack":
            learned: Tensor = self.stack(counts.to(self.stack.weight.dtype))
            return equal * learned.to(dtype)
        return equal
