"""How a text is to be written: greedily, by beams, or drawn. Knows no decoder."""

import math
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any

from sensorium.core.describe import represent
from sensorium.core.errors import PartError, all_at_once


@dataclass(frozen=True, slots=True, repr=False)
class Sampling:
    """How a text is written.

    Attributes:
        max_tokens: no longer than this; 0 leaves it to the decoder.
        beams: how many beginnings are followed at once; 1 takes the best token each time.
        temperature: draws tokens, the flatter the higher; 0 takes the most probable.
        top_k: draws among so many of the most probable; 0 among all.
        top_p: draws among the most probable whose probabilities just reach this sum (Holtzman et
            al. 2020).
        candidates: how many texts a row; of beams the best, else draws.
        length_penalty: a finished text's log-probability is divided by its length to this power.
        repetition_penalty: scores of tokens written already, a prefix aside, are divided by it
            where positive and multiplied where negative (Keskar et al. 2019); 1 is none.
        seed: draws the tokens.
    """

    max_tokens: int = 0
    beams: int = 1
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    candidates: int = 1
    length_penalty: float = 1.0
    repetition_penalty: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        faults = _wrong_kinds(self) or [*_out_of_range(self), *_at_odds(self)]
        if faults:
            raise PartError(all_at_once("This sampling cannot be:", faults))

    def __repr__(self) -> str:
        return represent(self)


def _wrong_kinds(sampling: Sampling) -> list[str]:
    """Name what is no number, or no whole one where one is counted."""
    faults = []
    for part in fields(sampling):
        value, whole = getattr(sampling, part.name), part.type is int
        kind = Integral if whole else Real
        if isinstance(value, bool) or not isinstance(value, kind):
            what = "a whole number" if whole else "a number"
            faults.append(f"{part.name} is {what}, found {value!r}")
    return faults


def _out_of_range(sampling: Sampling) -> list[str]:
    least = {"max_tokens": 0, "beams": 1, "temperature": 0, "top_k": 0, "candidates": 1}
    found = {name: getattr(sampling, name) for name in least}
    faults = [
        f"{name} must be at least {least[name]}, found {value}"
        for name, value in found.items()
        if not least[name] <= value < math.inf
    ]
    if not 0 < sampling.top_p <= 1:
        faults.append(f"top_p lies above 0 and up to 1, found {sampling.top_p}")
    if not math.isfinite(sampling.length_penalty):
        faults.append(f"length_penalty is a number, found {sampling.length_penalty}")
    if not 0 < sampling.repetition_penalty < math.inf:
        faults.append(f"repetition_penalty must be above 0, found {sampling.repetition_penalty}")
    return faults


def _at_odds(sampling: Sampling) -> list[str]:
    """Name options that do not go together."""
    faults, drawn = [], sampling.temperature != 0
    if not drawn and (sampling.top_k or sampling.top_p < 1):
        faults.append("top_k and top_p are for drawing: set a temperature above 0, such as 1")
    if sampling.beams > 1 and drawn:
        faults.append("beams go without temperature: draw (beams=1), or follow beams")
    if sampling.beams > 1 and sampling.candidates > sampling.beams:
        faults.append(f"{sampling.beams} beams give {sampling.beams} candidates at most")
    if sampling.beams == 1 and sampling.candidates > 1 and not drawn:
        faults.append("several candidates need beams, or a temperature to draw them")
    return faults


def check_sampling(sampling: Any) -> Any:
    """Pass on how to write, or None.

    Errors:
        PartError: it is neither.
    """
    if sampling is None or isinstance(sampling, Sampling):
        return sampling
    msg = f"sampling= takes how to write, such as sensorium.Sampling(beams=3), found {sampling!r}"
    raise PartError(msg)


GREEDY = Sampling()
"""The most probable token each time."""
