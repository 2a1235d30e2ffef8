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
    "bleu_4": "BLEU-4",
    "chrf": "chrF",
    "rouge_l": "ROUGE-L",
    "cider_d": "CIDEr-D",
    "meteor": "METEOR",
    "vqa_accuracy": "VQA accuracy",
    "exact_match": "exact match",
    "token_f1": "token F1",
    "slot_precision": "slot precision",
    "slot_recall": "slot recall",
    "slot_f1": "slot F1",
    "in_scope_accuracy": "in-scope accuracy",
    "in_scope_accuracy_unrefused": "in-scope accuracy, nothing refused",
    "out_of_scope_recall": "out-of-scope recall",
    "scope_auroc": "AUROC of scope",
    "keyword_precision_at_5": "precision@5",
    "keyword_precision_at_10": "precision@10",
    "keyword_recall_at_5": "recall@5",
    "keyword_recall_at_10": "recall@10",
    "keyword_f1_at_5": "F1@5",
    "keyword_f1_at_10": "F1@10",
    "keyword_f1_at_o": "F1@O",
    "keyword_f1_at_m": "F1@M",
    "wer": "WER",
    "cer": "CER",
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
    "bleu_4": "runs of up to four words shared with a reference, times a penalty for brevity",
    "chrf": "runs of up to six characters shared with a reference",
    "rouge_l": "the longest run of words, gaps allowed, shared with a reference",
    "cider_d": "words that few others would use, shared with the references; 0 to 10",
    "meteor": "words shared with a reference, by stem and meaning too",
    "vqa_accuracy": "a third for each person who gave the answer, 1 at most",
    "exact_match": "the share of answers that are one of the references, word for word",
    "token_f1": "words shared with a reference, precision and recall in one",
    "slot_precision": "of the spans found, the share whose label and ends are right",
    "slot_recall": "of the true spans, the share that was found",
    "slot_f1": "precision and recall of spans in one",
    "in_scope_accuracy": "of the rows in scope, the share answered right; refused ones are not",
    "in_scope_accuracy_unrefused": "the same, were nothing refused",
    "out_of_scope_recall": "of the rows out of scope, the share that was refused",
    "scope_auroc": "the chance that a row in scope is answered with more confidence than another",
    "keyword_precision_at_5": "of the first 5 keywords, the share that is true",
    "keyword_precision_at_10": "of the first 10 keywords, the share that is true",
    "keyword_recall_at_5": "of the true keywords, the share among the first 5",
    "keyword_recall_at_10": "of the true keywords, the share among the first 10",
    "keyword_f1_at_5": "precision and recall of the first 5 in one",
    "keyword_f1_at_10": "precision and recall of the first 10 in one",
    "keyword_f1_at_o": "the same of as many keywords as are true",
    "keyword_f1_at_m": "the same of the keywords above a score chosen on validation rows",
    "wer": "words changed, left out or made up, for each word said; less is better",
    "cer": "characters changed, left out or made up, for each one said; less is better",
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


def shortened(text: str, most: int = 60) -> str:
    """Cut a text that would take all the room, and keep it on one line."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def signed(value: float) -> str:
    """Write a difference with its sign."""
    return f"+{number(value)}" if value > 0 else number(value)


def amount(value: float) -> str:
    """Write a whole number with its thousands."""
    return f"{value:,.0f}"
