"""All scores of written text that share words or characters with references, from one counting.

Legend: rows = pairs of one candidate and its references.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sensorium.metrics.bleu import BleuCounts, BleuTokenizer, bleu, bleu_counts
from sensorium.metrics.chrf import ChrfCounts, chrf, chrf_counts
from sensorium.metrics.cider import Cider, caption_tokens, ciders
from sensorium.metrics.meteor import meteors
from sensorium.metrics.rouge import rouge_ls
from sensorium.metrics.tally import Score, Weight, mean


@dataclass(frozen=True, eq=False)
class Overlap:
    """What the scores of written text are made of, row by row.

    Attributes:
        bleu, chrf: counts, because these are scores of a corpus and no averages of rows.
        rouge_l, cider_d: each row's score.
        meteor: each row's score; None where it was not asked for.
    """

    bleu: BleuCounts
    chrf: ChrfCounts
    rouge_l: Float[np.ndarray, " rows"]
    cider_d: Float[np.ndarray, " rows"]
    meteor: Float[np.ndarray, " rows"] | None = None


def overlap(
    candidates: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    tokenizer: BleuTokenizer | None = None,
    cider: Cider | None = None,
    meteor: bool = False,
) -> Overlap:
    """Compare every candidate with its references, once.

    Args:
        candidates: one text a row.
        references: one or more texts a row.
        tokenizer: BLEU's; None chooses by what most of the references are written in.
        cider: fitted to other references, those of training rows for instance; None fits to these.
        meteor: METEOR too, which needs nltk and WordNet; see ``has_wordnet``.

    Errors:
        SensoriumError: a row has no reference, or WordNet is wanted and absent.
        ExtraError: sacrebleu, or nltk if wanted, is not installed.
    """
    counts = bleu_counts(candidates, references, tokenizer)
    words = [caption_tokens(text) for text in candidates]
    given = [[caption_tokens(one) for one in row] for row in references]
    return Overlap(
        bleu=counts,
        chrf=chrf_counts(candidates, references),
        rouge_l=rouge_ls(candidates, references),
        cider_d=ciders(words, given) if cider is None else cider(words, given),
        meteor=meteors(candidates, references) if meteor else None,
    )


def overlap_scores(found: Overlap, weight: Weight = None) -> dict[str, Score]:
    """Give all scores of written text by name; all lie between 0 and 1 but CIDEr-D, 0 to 10."""
    scores = {
        "bleu_4": bleu(found.bleu, weight),
        "chrf": chrf(found.chrf, weight),
        "rouge_l": mean(found.rouge_l, weight),
        "cider_d": mean(found.cider_d, weight),
    }
    if found.meteor is not None:
        scores["meteor"] = mean(found.meteor, weight)
    return scores
