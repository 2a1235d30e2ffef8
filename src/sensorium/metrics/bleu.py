"""BLEU of a whole corpus, as sacrebleu counts it: 0 to 1, where sacrebleu prints 0 to 100.

Papineni et al. 2002; smoothed and tokenized as by Post 2018. Only the tokenizers are sacrebleu's.
Figures of captioning papers come from lower-cased words without punctuation: give such texts to
get such figures.

Legend: rows = pairs of one candidate and its references, orders = n-grams of 1 to 4 words.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from sensorium.core.errors import ExtraError
from sensorium.metrics.chinese import mostly_chinese
from sensorium.metrics.references import Tokens, check_references
from sensorium.metrics.tally import Score, Weight, divide, share, weights

BleuTokenizer = Literal["13a", "zh"]
"""How words are found: as in the machine translation campaigns, or Chinese by character."""

ORDERS = 4


@dataclass(frozen=True, eq=False)
class BleuCounts:
    """What BLEU is made of, row by row.

    Attributes:
        matched: n-grams of the candidate that a reference has as often, by order.
        total: n-grams of the candidate, by order.
        length: words of the candidate.
        reference_length: words of the reference nearest in length, of two the shorter.
    """

    matched: Int[np.ndarray, " rows orders"]
    total: Int[np.ndarray, " rows orders"]
    length: Int[np.ndarray, " rows"]
    reference_length: Int[np.ndarray, " rows"]


def bleu_counts(
    candidates: Sequence[str],
    references: Sequence[Sequence[str]],
    tokenizer: BleuTokenizer | None = None,
) -> BleuCounts:
    """Count the n-grams of every row, once.

    Args:
        candidates: one text a row.
        references: one or more texts a row.
        tokenizer: None takes ``"zh"`` where the references are mostly Chinese, else ``"13a"``.

    Errors:
        SensoriumError: a row has no reference.
        ExtraError: sacrebleu is not installed.
    """
    check_references(candidates, references)
    split = _splitter(tokenizer or bleu_tokenizer(references))
    rows = [
        _count(split(candidate), [split(one) for one in given])
        for candidate, given in zip(candidates, references, strict=True)
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 2 * ORDERS + 2)
    return BleuCounts(table[:, :ORDERS], table[:, ORDERS:-2], table[:, -2], table[:, -1])


def bleu_tokenizer(references: Sequence[Sequence[str]]) -> BleuTokenizer:
    """Choose the tokenizer by what most of the references are written in."""
    return "zh" if mostly_chinese(one for given in references for one in given) else "13a"


def bleu(
    counts: BleuCounts, weight: Weight = None, order: int = ORDERS, *, effective: bool = False
) -> Score:
    """Give BLEU from the counts of a corpus; of each draw where there are draws.

    The first order without a match counts half a match, the next a quarter, and so on
    (sacrebleu's ``exp``).

    Args:
        counts: from ``bleu_counts``.
        weight: how much each row counts.
        order: the longest n-grams, 1 to 4.
        effective: leave out orders that no candidate is long enough for; for single sentences.

    Returns:
        0 to 1; NaN when no row counts.
    """
    each = weights(len(counts.length), weight)
    matched, total = each @ counts.matched[:, :order], each @ counts.total[:, :order]
    halves = np.cumsum(matched == 0, -1)
    precision = share(np.where(matched == 0, 0.5**halves, matched), total)
    known = total > 0
    logs = np.log(precision, out=np.zeros_like(precision), where=known).sum(-1)
    score = _brevity(each @ counts.length, each @ counts.reference_length) * np.exp(
        logs / np.maximum(known.sum(-1), 1)
    )
    some = matched.any(-1) & (effective | known.all(-1))
    found: Score = np.where(each.sum(-1) > 0, np.where(some, score, 0.0), np.nan)[()]
    return found


def _brevity(
    length: Float[np.ndarray, " *draws"] | np.float64,
    reference: Float[np.ndarray, " *draws"] | np.float64,
) -> Score:
    """Give the penalty of answers that are shorter than their references."""
    ratio = np.nan_to_num(np.asarray(divide(reference, length)), nan=np.inf)
    penalty: Score = np.exp(np.minimum(1 - ratio, 0))[()]
    return penalty


def _count(candidate: Tokens, references: Sequence[Tokens]) -> list[int]:
    matched, total = [], []
    for order in range(1, ORDERS + 1):
        grams, most = _grams(candidate, order), Counter[Tokens]()
        for reference in references:
            most |= _grams(reference, order)
        matched.append((grams & most).total())
        total.append(grams.total())
    size = len(candidate)
    nearest = min(map(len, references), key=lambda length: (abs(length - size), length))
    return [*matched, *total, size, nearest]


def _grams(words: Tokens, order: int) -> Counter[Tokens]:
    return Counter(tuple(words[i : i + order]) for i in range(len(words) - order + 1))


def _splitter(name: BleuTokenizer) -> Callable[[str], list[str]]:
    try:
        from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a  # noqa: PLC0415  an extra
        from sacrebleu.tokenizers.tokenizer_zh import TokenizerZh  # noqa: PLC0415
    except ImportError as error:
        raise ExtraError("sacrebleu", "text", "BLEU") from error
    kind: Callable[[], Callable[[str], str]] = TokenizerZh if name == "zh" else Tokenizer13a
    made = kind()
    return lambda text: made(text.rstrip()).split()
