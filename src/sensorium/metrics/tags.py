"""Scores of several labels a row: F1 micro, macro and by row, mean average precision.

Legend: truth = Bool[rows tags]; chosen = the tags answered; probability = of each tag by itself.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

from sensorium.metrics.ranking import auroc, average_precision
from sensorium.metrics.tally import Score, Weight, defined_mean, mean, share, weights

Chosen = Bool[np.ndarray, " rows tags"]


def tag_f1(
    truth: Chosen, chosen: Chosen, weight: Weight = None
) -> Float[np.ndarray, " *draws tags"]:
    """Give each tag's F1; 0 where it neither occurs nor is answered."""
    each = weights(len(truth), weight)
    both, either = each @ (truth & chosen), each @ (truth.astype(np.float64) + chosen)
    return share(2 * both, either)


def f1_macro(truth: Chosen, chosen: Chosen, weight: Weight = None) -> Score:
    """Average F1 over the tags, each alike."""
    score: Score = tag_f1(truth, chosen, weight).mean(-1)
    return score


def f1_micro(truth: Chosen, chosen: Chosen, weight: Weight = None) -> Score:
    """Give F1 over all pairs of a row and a tag."""
    both = mean((truth & chosen).sum(1), weight)
    either = mean(truth.sum(1) + chosen.sum(1), weight)
    return share(np.asarray(2 * both), np.asarray(either))[()]


def f1_samples(truth: Chosen, chosen: Chosen, weight: Weight = None) -> Score:
    """Average F1 over the rows; a row with no tag, true or answered, counts 0."""
    both, either = (truth & chosen).sum(1), truth.sum(1) + chosen.sum(1)
    return mean(share(2 * both, either), weight)


def subset_accuracy(truth: Chosen, chosen: Chosen, weight: Weight = None) -> Score:
    """Give the share of rows with exactly the true tags."""
    return mean((truth == chosen).all(1), weight)


def mean_average_precision(
    truth: Chosen, probability: Float[np.ndarray, " rows tags"], weight: Weight = None
) -> Score:
    """Average each tag's average precision over the tags that occur (mAP)."""
    return defined_mean(_by_tag(average_precision, truth, probability, weight))


def mean_auroc(
    truth: Chosen, probability: Float[np.ndarray, " rows tags"], weight: Weight = None
) -> Score:
    """Average each tag's AUROC over the tags that occur and do not always occur."""
    return defined_mean(_by_tag(auroc, truth, probability, weight))


def tag_log_losses(
    truth: Chosen, probability: Float[np.ndarray, " rows tags"]
) -> Float[np.ndarray, " rows"]:
    """Give each row's binary log loss, averaged over its tags."""
    given = np.where(truth, probability, 1 - probability).astype(np.float64)
    losses: Float[np.ndarray, " rows"] = -np.log(
        np.clip(given, np.finfo(np.float64).eps, 1.0)
    ).mean(1)
    return losses


def tag_scores(
    truth: Chosen,
    chosen: Chosen,
    probability: Float[np.ndarray, " rows tags"],
    weight: Weight = None,
) -> dict[str, Score]:
    """Give all scores of tags by name."""
    return {
        "f1_micro": f1_micro(truth, chosen, weight),
        "f1_macro": f1_macro(truth, chosen, weight),
        "f1_samples": f1_samples(truth, chosen, weight),
        "subset_accuracy": subset_accuracy(truth, chosen, weight),
        "map": mean_average_precision(truth, probability, weight),
        "auroc": mean_auroc(truth, probability, weight),
        "log_loss": mean(tag_log_losses(truth, probability), weight),
    }


def _by_tag(
    metric: Callable[..., Score],
    truth: Chosen,
    probability: Float[np.ndarray, " rows tags"],
    weight: Weight,
) -> Float[np.ndarray, " *draws tags"]:
    tags = zip(truth.T, probability.T, strict=True)
    return np.stack([np.asarray(metric(*tag, weight)) for tag in tags], -1)
