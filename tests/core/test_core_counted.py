"""Counts in sentences."""

import pytest

from sensorium.core.counted import counted


@pytest.mark.parametrize(
    ("amount", "said"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (9_648, "9,648 rows")]
)
def test_one_thing_is_not_many(amount: int, said: str) -> None:
    assert counted(amount, "row") == said


def test_several_may_be_called_otherwise() -> None:
    told = [counted(amount, "query", "queries") for amount in (1, 2)]
    assert told == ["1 query", "2 queries"]
