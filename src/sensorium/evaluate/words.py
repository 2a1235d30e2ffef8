"""What scores are called and what they mean, in the words of the report."""

from sensorium.evaluate.intervals import number

TITLES: dict[str, str] = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "precision_macro": "precision, macro",
    "precision_weighted": "precision, weighted",
    "recall_macro": "recall, macro",
    "recall_weighted": "recall, weighted",
    "f1_macro": "F1, macro",
    "f1_weighted": "F1, weighted",
    "f1_micro": "F1, micro",
    "f1_samples": "F1 by row",
    "subset_accuracy": "exact match",
    "auroc": "AUROC",
    "average_precision": "average precision",
    "map": "mean average precision",
    "recall_at_1": "R@1",
    "recall_at_5": "R@5",
    "recall_at_10": "R@10",
    "mrr": "MRR",
    "median_rank": "median rank",
    "ndcg_at_10": "nDCG@10",
    "retrieval_map": "mAP",
    "log_loss": "log loss",
    "calibration_error": "calibration error",
    "mae": "MAE",
    "mse": "MSE",
    "rmse": "RMSE",
    "r2": "R²",
}

MEANINGS: dict[str, str] = {
    "accuracy": "the share of right answers",
    "balanced_accuracy": "the share found of each class, every class counting alike",
    "precision_macro": "of what was answered, the share that is right; classes count alike",
    "precision_weighted": "the same, each class counting by its rows",
    "recall_macro": "of each class's rows, the share that was found; classes count alike",
    "recall_weighted": "the same, each class counting by its rows",
    "f1_macro": "precision and recall in one; classes or tags count alike",
    "f1_weighted": "the same, each class counting by its rows",
    "f1_micro": "precision and recall in one, over all pairs of a row and a tag",
    "f1_samples": "precision and recall in one, averaged over rows",
    "subset_accuracy": "the share of rows with exactly the true tags",
    "auroc": "the chance that a row of a class ranks above a row of another; 0.5 is chance",
    "average_precision": "the precision averaged over the recall that it is reached at",
    "map": "the average precision of each tag, tags counting alike",
    "recall_at_1": "the share of queries whose first item is right",
    "recall_at_5": "the share of queries with a right item among the first 5",
    "recall_at_10": "the share of queries with a right item among the first 10",
    "mrr": "1 / the rank of the best right item, averaged over queries",
    "median_rank": "half of the queries find a right item up to there; less is better",
    "ndcg_at_10": "the first 10, each right one worth less the lower it stands",
    "retrieval_map": "the precision at each right item, averaged",
    "log_loss": "the surprise at the truth, in nats; less is better",
    "calibration_error": "how far stated probabilities are from what happens; less is better",
    "mae": "the average absolute error, in the target's units; less is better",
    "mse": "the average squared error; less is better",
    "rmse": "the root of the average squared error, in the target's units; less is better",
    "r2": "the share of the variance that is explained; 0 is no better than the mean",
}


def title(score: str) -> str:
    """Give what people call a score."""
    return TITLES.get(score, score.replace("_", " "))


def meaning(score: str) -> str:
    """Say in a few words what a score tells; "" where it is not known."""
    return MEANINGS.get(score, "")


def listed(names: list[str] | tuple[str, ...]) -> str:
    """List names as a sentence does: ``photo, clip and review``."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def count(amount: int, thing: str) -> str:
    """Count things: ``1 row``, ``9,648 rows``."""
    return f"{amount:,} {thing}{'' if amount == 1 else 's'}"


def signed(value: float) -> str:
    """Write a difference with its sign."""
    return f"+{number(value)}" if value > 0 else number(value)


def amount(value: float) -> str:
    """Write a whole number with its thousands."""
    return f"{value:,.0f}"
