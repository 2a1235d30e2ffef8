"""Pure scores: (truth, decided, weight) -> number, one family a file.

``weight`` says how much each row counts; with a leading axis, Float[draws rows], a metric gives
one number a draw, so that a bootstrap of a thousand draws is one call.
"""

from sensorium.metrics.calibration import Bins, calibration_error, reliability
from sensorium.metrics.classification import (
    Counts,
    accuracy,
    balanced_accuracy,
    confusion,
    count,
    f1,
    label_scores,
    log_loss,
    log_losses,
    macro,
    precision,
    recall,
    weighted,
)
from sensorium.metrics.ranking import (
    auroc,
    average_precision,
    class_auroc,
    class_average_precision,
)
from sensorium.metrics.regression import mae, mse, r2, rmse, value_scores
from sensorium.metrics.retrieval import (
    Places,
    average_precisions,
    mean_reciprocal_rank,
    median_rank,
    ndcg_at,
    ndcgs,
    place,
    ranks,
    recall_at,
    retrieval_map,
    retrieval_scores,
)
from sensorium.metrics.tags import (
    f1_macro,
    f1_micro,
    f1_samples,
    mean_auroc,
    mean_average_precision,
    subset_accuracy,
    tag_f1,
    tag_log_losses,
    tag_scores,
)
from sensorium.metrics.tally import Score, Weight

__all__ = [
    "Bins",
    "Counts",
    "Places",
    "Score",
    "Weight",
    "accuracy",
    "auroc",
    "average_precision",
    "average_precisions",
    "balanced_accuracy",
    "calibration_error",
    "class_auroc",
    "class_average_precision",
    "confusion",
    "count",
    "f1",
    "f1_macro",
    "f1_micro",
    "f1_samples",
    "label_scores",
    "log_loss",
    "log_losses",
    "macro",
    "mae",
    "mean_auroc",
    "mean_average_precision",
    "mean_reciprocal_rank",
    "median_rank",
    "mse",
    "ndcg_at",
    "ndcgs",
    "place",
    "precision",
    "r2",
    "ranks",
    "recall",
    "recall_at",
    "reliability",
    "retrieval_map",
    "retrieval_scores",
    "rmse",
    "subset_accuracy",
    "tag_f1",
    "tag_log_losses",
    "tag_scores",
    "value_scores",
    "weighted",
]
