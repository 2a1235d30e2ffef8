"""Two rules that models of this room's tests learn."""

import pytest
from small_models import Taught, either


@pytest.fixture(scope="session")
def exclusive() -> Taught:
    """Neither bit says anything alone; together they say all."""
    return either(lambda left, right: "same" if left == right else "different")


@pytest.fixture(scope="session")
def lonely() -> Taught:
    """The left bit says all; the right one is noise."""
    return either(lambda left, _: left)
