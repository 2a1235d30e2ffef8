"""Tables that the training tests share."""

import pytest
from conftest_train import tiny_table

import sensorium as sm


@pytest.fixture(scope="session")
def tables() -> tuple[sm.Table, sm.Table]:
    """Rows to train on and rows to choose by."""
    return tiny_table(), tiny_table(40, seed=1)
