"""Teaching: how a decoder is taught to write. Knows no decoder."""

from dataclasses import dataclass

from sensorium.core.describe import represent
from sensorium.core.errors import PartError, all_at_once


@dataclass(frozen=True, slots=True, repr=False)
class Teaching:
    """What a decoder learns from, beside the true next token.

    Attributes:
        smoothing: share of the truth that is spread evenly over all tokens, 0..1.
        own: share of the tokens read in training that are the decoder's own choices, so that it
            learns to go on after its own mistakes (scheduled sampling; Bengio et al. 2015).
        self_critical: how much the score itself counts: texts are drawn, and those that score
            above the decoder's best one become more probable (Rennie et al. 2017). 1 learns by
            nothing else. For a decoder that writes well already.
    """

    smoothing: float = 0.1
    own: float = 0.0
    self_critical: float = 0.0

    def __post_init__(self) -> None:
        faults = [
            f"{name} must lie in 0..1, found {value}"
            for name, value in (
                ("smoothing", self.smoothing),
                ("own", self.own),
                ("self_critical", self.self_critical),
            )
            if not 0 <= value <= 1
        ]
        if self.smoothing == 1:
            faults.append("smoothing must stay below 1, or nothing is true")
        if faults:
            raise PartError(all_at_once("This teaching cannot be:", faults))

    def __repr__(self) -> str:
        return represent(self)
