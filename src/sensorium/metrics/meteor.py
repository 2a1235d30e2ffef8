"""METEOR: words matched as they are, by stem and by WordNet's synonyms, in order. 0 to 1.

Lavie and Agarwal 2007 through nltk, whose figures differ somewhat from those of the authors' own
program. English only. Needs nltk and its copy of WordNet on disk; nothing is ever downloaded.

Legend: rows = pairs of one candidate and its references.
"""

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
from jaxtyping import Float

from sensorium.core.errors import ExtraError, SensoriumError
from sensorium.metrics.cider import caption_tokens
from sensorium.metrics.references import check_references

_PLACES = ("corpora/wordnet", "corpora/wordnet.zip")


def has_wordnet() -> bool:
    """Tell whether METEOR can be computed here: nltk is installed and WordNet is on disk."""
    if find_spec("nltk") is None:
        return False
    from nltk import data  # noqa: PLC0415  in no extra of ours

    return any(_found(data, place) for place in _PLACES)


def meteors(
    candidates: Sequence[str], references: Sequence[Sequence[str]]
) -> Float[np.ndarray, " rows"]:
    """Give each row's METEOR, the best of its references.

    Errors:
        ExtraError: nltk is not installed.
        SensoriumError: WordNet is not on disk, or a row has no reference.
    """
    check_references(candidates, references)
    try:
        from nltk.translate.meteor_score import meteor_score  # noqa: PLC0415  in no extra of ours
    except ImportError as error:
        raise ExtraError("nltk", "", "METEOR") from error
    if not has_wordnet():
        msg = (
            "METEOR needs WordNet, which is not among nltk's data on this machine; "
            "run: python -m nltk.downloader wordnet"
        )
        raise SensoriumError(msg)
    return np.array(
        [
            meteor_score([caption_tokens(one) for one in given], caption_tokens(candidate))
            for candidate, given in zip(candidates, references, strict=True)
        ],
        dtype=np.float64,
    )


def _found(data: object, place: str) -> bool:
    try:
        data.find(place)  # type: ignore[attr-defined]
    except LookupError:
        return False
    return True
