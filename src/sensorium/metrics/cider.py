"""CIDEr-D: how much a caption says what all its references say and other rows' do not.

Vedantam, Zitnick and Parikh 2015. N-grams of 1 to 4 words are weighted by how rare they are among
rows (tf-idf) and compared by cosine; repeating a word does not pay, and a Gaussian punishes another
length. Scaled by 10 as the field does: 1.0 here is what papers print as 100.

How rare n-grams are is learnt once, from the references judged or from those of training rows; with
a single row nothing is rare and the score is 0. Drawing rows anew does not change it, so that a
row's score is one number and the corpus's is their average.

Legend: rows = pairs of one candidate and its references, orders = n-grams of 1 to 4 words.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sensorium.core.errors import SensoriumError
from sensorium.metrics.chinese import LETTERS
from sensorium.metrics.references import Tokens, check_references

ORDERS = 4
SCALE = 10.0

Gram = tuple[str, ...]

_CLITIC = re.compile(r"(?<=\w)(n't|'(?:s|re|ve|ll|d|m))(?!\w)")
_TOKEN = re.compile(
    f"[{LETTERS}]"
    r"|n't(?!\w)|'(?:s|re|ve|ll|d|m)(?!\w)"
    r"|\d+(?:[.,:]\d+)+"
    rf"|[^\W{LETTERS}]+(?:['-][^\W{LETTERS}]+)*"
    r"|[#$%&*+/<=>@^|~]"
)


def caption_tokens(text: str) -> list[str]:
    """Split a caption nearly as the COCO evaluation does, without its Java program.

    Lower case; punctuation goes, while signs such as % stay; n't and 's become words of their own;
    hyphens and numbers hold together; each Chinese character is a word.
    """
    plain = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    return _TOKEN.findall(_CLITIC.sub(r" \1", plain))


@dataclass(frozen=True, slots=True)
class _Vector:
    """The weighed n-grams of one text.

    Attributes:
        weights: of each n-gram, by order.
        norms: their Euclidean length, by order.
        pairs: how many pairs of neighbours there are; the length of the text to the Gaussian.
    """

    weights: tuple[Mapping[Gram, float], ...]
    norms: tuple[float, ...]
    pairs: int


@dataclass(frozen=True, eq=False)
class Cider:
    """CIDEr-D with what it knows of how rare n-grams are.

    Attributes:
        frequency: in how many rows' references each n-gram stands.
        documents: how many rows there were.
        sigma: the width of the Gaussian, in words.
    """

    frequency: Mapping[Gram, int]
    documents: int
    sigma: float = 6.0

    @classmethod
    def fit(cls, references: Sequence[Sequence[Tokens]]) -> "Cider":
        """Learn from the references of many rows, of training rows for instance.

        Errors:
            SensoriumError: there are none.
        """
        if not references:
            msg = "CIDEr-D found no references to learn rare words from; give at least one row"
            raise SensoriumError(msg)
        seen: Counter[Gram] = Counter()
        for given in references:
            seen.update({gram for one in given for gram in _grams(one)})
        return cls(seen, len(references))

    def __call__(
        self, candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]
    ) -> Float[np.ndarray, " rows"]:
        """Score each row.

        Args:
            candidates: the words of one caption a row.
            references: the words of one or more captions a row.

        Returns:
            0 to 10.

        Errors:
            SensoriumError: a row has no reference.
        """
        check_references(candidates, references, tokens=True)
        known: dict[Gram, _Vector] = {}

        def vector(words: Tokens) -> _Vector:
            key = tuple(words)
            if key not in known:
                known[key] = self._weigh(key)
            return known[key]

        scores = [
            sum(self._alike(vector(candidate), vector(one)) for one in given) / len(given)
            for candidate, given in zip(candidates, references, strict=True)
        ]
        return SCALE * np.array(scores, dtype=np.float64)

    def _weigh(self, words: Gram) -> _Vector:
        by_order: tuple[dict[Gram, float], ...] = tuple({} for _ in range(ORDERS))
        most = math.log(self.documents)
        for gram, count in _grams(words).items():
            rarity = most - math.log(max(1, self.frequency.get(gram, 0)))
            by_order[len(gram) - 1][gram] = count * rarity
        norms = tuple(math.hypot(*weights.values()) for weights in by_order)
        return _Vector(by_order, norms, max(0, len(words) - 1))

    def _alike(self, candidate: _Vector, reference: _Vector) -> float:
        total = 0.0
        for order in range(ORDERS):
            size = candidate.norms[order] * reference.norms[order]
            if size:
                wanted = reference.weights[order]
                shared = candidate.weights[order].keys() & wanted.keys()
                given = candidate.weights[order]
                total += sum(min(given[g], wanted[g]) * wanted[g] for g in shared) / size
        gap = candidate.pairs - reference.pairs
        return total / ORDERS * math.exp(-(gap**2) / (2 * self.sigma**2))


def ciders(
    candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]
) -> Float[np.ndarray, " rows"]:
    """Give each row's CIDEr-D, rare words learnt from these very references.

    Returns:
        0 to 10; no rows give no scores.
    """
    if not references:
        check_references(candidates, references, tokens=True)
        return np.zeros(0)
    return Cider.fit(references)(candidates, references)


def _grams(words: Tokens) -> Counter[Gram]:
    return Counter(
        tuple(words[i : i + order])
        for order in range(1, ORDERS + 1)
        for i in range(len(words) - order + 1)
    )
