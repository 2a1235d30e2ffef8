"""Fixtures that every room's tests share: small mixed tables; one thread; the same seed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from mixed_table import Mixed, make


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Two test processes share the cores; one thread each gives the same sums every time."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _alike() -> Iterator[None]:
    """Start every test with the same draws, and with subnormal numbers, which training flushes."""
    torch.manual_seed(0)
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    """Forty-eight whole rows."""
    return make(tmp_path_factory.mktemp("mixed"))


@pytest.fixture(scope="session")
def mixed_faulty(tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    """Forty-eight rows; 20 cells are missing, 6 damaged."""
    return make(tmp_path_factory.mktemp("faulty"), missing=20, damaged=6)


@pytest.fixture
def make_mixed(tmp_path: Path) -> Callable[..., Mixed]:
    """Make a table of one's own: ``make_mixed(rows=12, damaged=1)``; its files may be changed."""

    def made(
        rows: int = 48, missing: int = 0, damaged: int = 0, seed: int = 0, folder: str = "mixed"
    ) -> Mixed:
        return make(tmp_path / folder, rows, missing, damaged, seed)

    return made
