"""Kneser-Ney: how probable a word is behind others, learned by counting sentences.

Interpolated modified Kneser-Ney (Chen and Goodman 1999), each order with three discounts of its
own. Knows no text; it counts tuples of words.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

Gram = tuple[str, ...]
Grams = dict[Gram, tuple[float, float]]
"""By n-gram: its natural log-probability, and that of leaving it for a shorter one (back-off)."""

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
FALLBACK = (0.5, 1.0, 1.5)
"""Discounts where so few counts tell none; those of KenLM's ``--discount_fallback``."""


def kneser_ney(sentences: Iterable[Sequence[str]], order: int) -> list[Grams]:
    """Learn n-grams of 1 up to ``order`` words.

    The probability of a word that was never seen is its share of what the discounts took from
    those that were.

    Args:
        sentences: their words, without marks.
        order: the most words of an n-gram.

    Returns:
        The n-grams of each length, shortest first.
    """
    counts = _adjusted(_counted(sentences, order))
    found: list[Grams] = []
    for size, its in enumerate(counts, 1):
        less = _discounts(its)
        followed: dict[Gram, list[int]] = defaultdict(list)
        for gram, count in its.items():
            followed[gram[:-1]].append(count)
        left = {h: sum(less[min(c, 3)] for c in cs) / sum(cs) for h, cs in followed.items()}
        if size == 1:
            found.append(_single(its, less, left[()]))
            continue
        shorter = found[-1]
        for context, share in left.items():
            shorter[context] = (shorter[context][0], math.log(share))
        chances = {
            gram: (count - less[min(count, 3)]) / sum(followed[gram[:-1]])
            + left[gram[:-1]] * math.exp(shorter[gram[1:]][0])
            for gram, count in its.items()
        }
        found.append({gram: (math.log(chance), 0.0) for gram, chance in chances.items()})
    return found


def _counted(sentences: Iterable[Sequence[str]], order: int) -> list[Counter[Gram]]:
    """Count the n-grams of each length as they stand."""
    counts: list[Counter[Gram]] = [Counter() for _ in range(order)]
    for words in sentences:
        marked = (BEGIN, *words, END)
        for size, its in enumerate(counts, 1):
            its.update(marked[at : at + size] for at in range(len(marked) - size + 1))
    return counts


def _adjusted(counts: Sequence[Counter[Gram]]) -> list[Counter[Gram]]:
    """Count of all but the longest by how many different words they follow.

    Nothing stands before the beginning, so what begins with it keeps its plain count.
    """
    found = []
    for shorter, longer in pairwise(counts):
        preceded = Counter(gram[1:] for gram in longer)
        begun = {gram: count for gram, count in shorter.items() if gram[0] == BEGIN}
        found.append(preceded + Counter(begun))
    found.append(counts[-1])
    del found[0][(BEGIN,)]  # it is never to be told
    return found


def _discounts(counts: Mapping[Gram, int]) -> tuple[float, float, float, float]:
    """Give what is taken from a count of 0, 1, 2, and of 3 and more."""
    of = Counter(counts.values())
    if not (of[1] and of[2] and of[3]):
        return (0.0, *FALLBACK)
    share = of[1] / (of[1] + 2 * of[2])
    one, two, more = (n - (n + 1) * share * of[n + 1] / of[n] for n in (1, 2, 3))
    if not (0 < one <= 1 and 0 < two <= 2 and 0 < more <= 3):
        return (0.0, *FALLBACK)
    return (0.0, one, two, more)


def _single(counts: Mapping[Gram, int], less: Sequence[float], left: float) -> Grams:
    """Give the words by themselves; what is left is for all alike, the unknown one too."""
    total, even = sum(counts.values()), left / (len(counts) + 1)
    found = {g: (math.log((c - less[min(c, 3)]) / total + even), 0.0) for g, c in counts.items()}
    return {**found, (UNKNOWN,): (math.log(even), 0.0), (BEGIN,): (-math.inf, 0.0)}
