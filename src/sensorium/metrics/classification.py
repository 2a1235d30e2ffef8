"""Scores of labels: accuracy, precision, recall, F1, log loss. Knows nothing of ranking.

Legend: truth = true class numbers, 0 to classes - 1; ``classes`` itself stands for a class that
was never seen in training, which no answer can match. chosen = the class numbers answered.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from sensorium.metrics.tally import (
    Score,
    Weight,
    defined_mean,
    divide,
    grouped,
    mean,
    share,
    weights,
)


@dataclass(frozen=True, eq=False)
class Counts:
    """How often each class was true, was answered, and was both; weighted.

    The last entry of each stands for classes never seen in training.

    Attributes:
        right, true, chosen: [*draws classes + 1].
    """

    right: Float[np.ndarray, " *draws entries"]
    true: Float[np.ndarray, " *draws entries"]
    chosen: Float[np.ndarray, " *draws entries"]


def count(
    truth: Int[np.ndarray, " rows"],
    chosen: Int[np.ndarray, " rows"],
    classes: int,
    weight: Weight = None,
) -> Counts:
    """Count what precision, recall and F1 are made of."""
    each, entries = weights(len(truth), weight), classes + 1
    right = each * (truth == chosen)
    return Counts(
        *(
            grouped(w, group, entries)
            for w, group in ((right, truth), (each, truth), (each, chosen))
        )
    )


def confusion(
    truth: Int[np.ndarray, " rows"],
    chosen: Int[np.ndarray, " rows"],
    classes: int,
    weight: Weight = None,
) -> Float[np.ndarray, " *draws true chosen"]:
    """Count every pair of a true class (down, the never seen last) and an answer (across)."""
    each = weights(len(truth), weight)
    pairs = grouped(each, truth * classes + chosen, (classes + 1) * classes)
    return pairs.reshape(*each.shape[:-1], classes + 1, classes)


def accuracy(
    truth: Int[np.ndarray, " rows"], chosen: Int[np.ndarray, " rows"], weight: Weight = None
) -> Score:
    """Give the share of right answers."""
    return mean(truth == chosen, weight)


def balanced_accuracy(counts: Counts) -> Score:
    """Average the recall of the classes that occur."""
    return defined_mean(np.asarray(divide(counts.right, counts.true)))


def precision(counts: Counts) -> Float[np.ndarray, " *draws entries"]:
    """Give, of each class's answers, the share that is right; 0 where it was never answered."""
    return share(counts.right, counts.chosen)


def recall(counts: Counts) -> Float[np.ndarray, " *draws entries"]:
    """Give, of each class's rows, the share that was found; 0 where it has none."""
    return share(counts.right, counts.true)


def f1(counts: Counts) -> Float[np.ndarray, " *draws entries"]:
    """Give each class's harmonic mean of precision and recall; 0 where it does not occur."""
    return share(2 * counts.right, counts.true + counts.chosen)


def macro(scores: Float[np.ndarray, " *draws entries"], counts: Counts) -> Score:
    """Average a class's score over the classes that were true or answered, each alike."""
    met = counts.true + counts.chosen > 0
    return divide((scores * met).sum(-1), met.sum(-1))


def weighted(scores: Float[np.ndarray, " *draws entries"], counts: Counts) -> Score:
    """Average a class's score, each class by how often it is true."""
    return divide((scores * counts.true).sum(-1), counts.true.sum(-1))


def log_losses(
    truth: Int[np.ndarray, " rows"], probability: Float[np.ndarray, " rows classes"]
) -> Float[np.ndarray, " rows"]:
    """Give minus the logarithm of each row's probability of the truth, at most 36.04."""
    rows, classes = probability.shape
    seen = truth < classes
    given = np.zeros(rows)
    given[seen] = probability[seen, truth[seen]]
    return -np.log(np.clip(given, np.finfo(np.float64).eps, 1.0))


def log_loss(
    truth: Int[np.ndarray, " rows"],
    probability: Float[np.ndarray, " rows classes"],
    weight: Weight = None,
) -> Score:
    """Average the log loss (cross entropy, nats)."""
    return mean(log_losses(truth, probability), weight)


def label_scores(
    truth: Int[np.ndarray, " rows"],
    chosen: Int[np.ndarray, " rows"],
    classes: int,
    weight: Weight = None,
) -> dict[str, Score]:
    """Give all scores of labels by name, from one counting."""
    counts = count(truth, chosen, classes, weight)
    scores = {
        "accuracy": accuracy(truth, chosen, weight),
        "balanced_accuracy": balanced_accuracy(counts),
    }
    for name, each in (
        ("precision", precision(counts)),
        ("recall", recall(counts)),
        ("f1", f1(counts)),
    ):
        scores[f"{name}_macro"] = macro(each, counts)
        scores[f"{name}_weighted"] = weighted(each, counts)
    return scores
