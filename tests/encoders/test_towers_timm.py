"""Networks of timm: figures, folders and blocks; by a stand-in where timm cannot be imported."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from towers_made import made_again, pictures, ready

from sensorium.core.batch import Layout
from sensorium.core.errors import ExtraError, PartError
from sensorium.core.schema import Image
from sensorium.encoders import Pretrained
from sensorium.encoders.towers import open_tower

NAMES = ["resnet10t", "vit_tiny_patch16_224", "efficientnet_lite0"]
TRAINED = {"input_size": [3, 64, 64], "mean": [0.4] * 3, "std": [0.3] * 3, "crop_pct": 0.875}


STAND_IN = Path(__file__).parent / "stand_in"


def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next import look for the package anew; afterwards all is as it was."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "timm"]:
        monkeypatch.delitem(sys.modules, name)


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The package itself; where it or its torchvision is lacking, one of the same signatures."""
    try:
        yield importlib.import_module("timm")
    except (ImportError, RuntimeError):
        forgotten(monkeypatch)
        monkeypatch.syspath_prepend(STAND_IN)
        yield importlib.import_module("timm")
        for name in ("timm", "timm.data"):
            sys.modules.pop(name, None)


def folder_of(timm: Any, folder: Path, name: str) -> tuple[Any, str]:
    torch.manual_seed(0)
    options = {"img_size": 64} if name.startswith("vit") else {}
    model = timm.create_model(name, pretrained=False, **options).eval()
    save_file(model.state_dict(), folder / "model.safetensors")
    config = {"architecture": name, "model_args": options, "pretrained_cfg": TRAINED}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    return model, f"timm:{folder}"


def test_a_missing_package_names_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ExtraError, match="pip install timm"):
        open_tower("timm:resnet18", "image", hub=True)


@pytest.mark.parametrize(
    "broken",
    ["import no_such_torchvision", "raise RuntimeError('operator nms does not exist')"],
)
def test_a_package_that_cannot_be_imported_says_why_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken: str
) -> None:
    forgotten(monkeypatch)
    (tmp_path / "timm").mkdir()
    (tmp_path / "timm" / "__init__.py").write_text(broken, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PartError, match=r"cannot be imported.*(no_such|nms).*torchvision"):
        open_tower("timm:resnet18", "image", hub=True)


def test_it_reads_pictures_only() -> None:
    with pytest.raises(PartError, match="reads image, the column is audio"):
        open_tower("timm:resnet18", "audio")


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_gives_the_figures_of_timm(timm: Any, tmp_path: Path, name: str) -> None:
    model, source = folder_of(timm, tmp_path, name)
    tower, column = open_tower(source, "image"), pictures(73, rows=2)
    assert tower.suited(Image()) == Image(size=73)
    pixels = (column.values[..., 4:68, 4:68] / 255 - 0.4) / 0.3
    with torch.no_grad():
        found = model.forward_features(pixels)
        summary = model.forward_head(found, pre_logits=True)
        torch.testing.assert_close(tower.summary(column), summary)
        tokens = found.flatten(2).mT if found.ndim == 4 else found
        torch.testing.assert_close(tower.tokens(column).tokens, tokens)
    assert tower.features == tokens.shape[-1]
    assert tower.summed == summary.shape[-1]
    assert len(tower.blocks()) > 3


def test_made_again_it_gives_the_same_bits(timm: Any, tmp_path: Path) -> None:
    _, source = folder_of(timm, tmp_path, NAMES[0])
    layout, column = Layout("image", channels=3, length=64), pictures(64, rows=2)
    encoder = ready(Pretrained(source, width=8), layout)
    (tmp_path / "model.safetensors").unlink()
    assert torch.equal(made_again(encoder, layout)(column).tokens, encoder(column).tokens)


def test_a_name_is_not_downloaded_unasked(timm: Any) -> None:
    with pytest.raises(PartError, match="hub=True"):
        open_tower("timm:resnet18", "image")


def test_weights_that_lack_some_are_refused(timm: Any, tmp_path: Path) -> None:
    model, source = folder_of(timm, tmp_path, NAMES[0])
    some = dict(list(model.state_dict().items())[5:])
    save_file(some, tmp_path / "model.safetensors")
    with pytest.raises(PartError, match="lacks 5 weights"):
        open_tower(source, "image")


def test_a_name_fetches_weights_where_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten(monkeypatch)
    monkeypatch.syspath_prepend(STAND_IN)
    tower = open_tower("timm:resnet10t", "image", hub=True)
    assert importlib.import_module("timm").FETCHED == ["resnet10t"]
    assert tower.suited(Image()) == Image(size=256)
    with pytest.raises(PartError, match=r"cannot make 'resnet7'.*Unknown model"):
        open_tower("timm:resnet7", "image", hub=True)
    for name in ("timm", "timm.data"):
        sys.modules.pop(name, None)
