"""Networks of timm: the message without it; figures, folders and blocks where it is installed."""

import json
import sys
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


@pytest.fixture
def timm() -> Any:
    return pytest.importorskip("timm", exc_type=ImportError)


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
