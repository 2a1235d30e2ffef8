"""Fixtures that every room's tests share: small mixed tables; one thread; the same seed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from mixed_table import Mixed, make
from sensorium.core.batch import Column
from sensorium.encoders import Pretrained


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Two test processes share the cores; one thread each gives the same sums every time."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep features where no user's are, in the processes that tests start, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENSORIUM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


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


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give the folder of a tiny pretrained model of a family, such as ``tiny("bert")``."""
    root = tmp_path_factory.mktemp("tiny")
    folders: dict[str, Path] = {}

    def folder(family: str) -> Path:
        if family not in folders:
            tiny_models = pytest.importorskip("tiny_models")
            folders[family] = tiny_models.made(family, root / family)
        return folders[family]

    return folder


@pytest.fixture
def make_mixed(tmp_path: Path) -> Callable[..., Mixed]:
    """Make a table of one's own: ``make_mixed(rows=12, damaged=1)``; its files may be changed."""

    def made(
        rows: int = 48, missing: int = 0, damaged: int = 0, seed: int = 0, folder: str = "mixed"
    ) -> Mixed:
        return make(tmp_path / folder, rows, missing, damaged, seed)

    return made


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note how many cells went through the encoders, call by call."""
    found: list[int] = []
    real = Pretrained.extract

    def counted(encoder: Pretrained, column: Column) -> Column:
        if not column.extracted:
            found.append(len(column.present))
        return real(encoder, column)

    monkeypatch.setattr(Pretrained, "extract", counted)
    return found
