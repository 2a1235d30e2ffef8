"""ROUGE-L: how much of the words stands in the same order in both texts. 0 to 1.

Lin 2004, F1 of the longest common subsequence, the best of the references, averaged over rows.
Words are plain runs of letters and digits in lower case, unstemmed; each Chinese character is one.

Legend: rows = pairs of one candidate and its references.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from sensorium.metrics.chinese import plain_words
from sensorium.metrics.references import Tokens, check_references
from sensorium.metrics.tally import Score, Weight, mean


def rouge_ls(
    candidates: Sequence[str], references: Sequence[Sequence[str]]
) -> Float[np.ndarray, " rows"]:
    """Give each row's ROUGE-L.

    Returns:
        0 to 1; 0 where either side has no words.

    Errors:
        SensoriumError: a row has no reference.
    """
    check_references(candidates, references)
    return np.array(
        [
            max(_f1(plain_words(candidate), plain_words(one)) for one in given)
            for candidate, given in zip(candidates, references, strict=True)
        ],
        dtype=np.float64,
    )


def rouge_l(
    candidates: Sequence[str], references: Sequence[Sequence[str]], weight: Weight = None
) -> Score:
    """Average ROUGE-L over the rows."""
    return mean(rouge_ls(candidates, references), weight)


def _f1(candidate: Tokens, reference: Tokens) -> float:
    if not candidate or not reference:
        return 0.0
    return 2 * _longest_common(candidate, reference) / (len(candidate) + len(reference))


def _longest_common(left: Tokens, right: Tokens) -> int:
    """Find how long the longest common subsequence is, a whole column at once in an integer's bits.

    Hyyrö 2004: a bit that is 0 marks a word of ``left`` at which the length goes up by one.
    """
    places: dict[str, int] = {}
    for place, word in enumerate(left):
        places[word] = places.get(word, 0) | 1 << place
    every = (1 << len(left)) - 1
    steps = every
    for word in right:
        met = steps & places.get(word, 0)
        steps = ((steps + met) | (steps - met)) & every
    return len(left) - steps.bit_count()
