"""The plain average, Z = (X_1 + ... + X_n) / n: the baseline every other fusion must beat."""

from collections.abc import Sequence

from sensorium.core.batch import Encoded, Fused
from sensorium.fusion.fusion import Fusion, as_fused, averaged, stacked


class Mean(Fusion):
    """Average the vectors of the columns that are present."""

    def build(self, parts: int) -> None:
        """Make nothing: an average has no weights."""

    def fuse(self, encoded: Sequence[Encoded]) -> Fused:
        """Average."""
        return as_fused(averaged(*stacked(encoded)), encoded)
