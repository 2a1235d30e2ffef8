"""What stands for the encoder of a column that is read word by word, and not looked at."""

from typing import ClassVar

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.encoders.encoder import Encoder, one_token


class _Unread(Encoder):
    """Gives one token of zeros, whatever a cell says."""

    kinds: ClassVar[frozenset[str]] = frozenset({"text"})

    def setup(self, layout: Layout) -> None:
        """Make nothing."""

    def encode(self, column: Column) -> Encoded:
        """Give zeros, Float[batch 1 width]."""
        rows = column.mask.new_zeros(len(column.mask), self.width)
        return one_token(rows.float(), column)


def unread(width: int) -> Encoder:
    """Make what stands for an encoder of tokens so wide."""
    return _Unread(width)
