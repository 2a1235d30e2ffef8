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
from sensorium.encoders.towers.framing import Framing
from sensorium.encoders.towers.stages import stages
from sensorium.encoders.towers.timm import TimmTower

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
    """Save a network as timm does: its arguments name classes, colours and pooling too."""
    torch.manual_seed(0)
    options: dict[str, Any] = {"img_size": 64} if name.startswith("vit") else {}
    model = timm.create_model(name, pretrained=False, **options).eval()
    save_file(model.state_dict(), folder / "model.safetensors")
    pool = "token" if name.startswith("vit") else "avg"
    arguments = {**options, "in_chans": 3, "num_classes": 1000, "global_pool": pool}
    written(folder, {"architecture": name, "model_args": arguments, "pretrained_cfg": TRAINED})
    return model, f"timm:{folder}"


def written(folder: Path, config: dict[str, Any]) -> None:
    (folder / "config.json").write_text(json.dumps(config), "utf-8")


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


def test_a_name_is_not_downloaded_unasked(
    timm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(PartError, match=r"'timm/resnet10t\.c3_in1k'.*local cache.*hub=True"):
        open_tower("timm:resnet10t", "image")


@pytest.mark.parametrize("name", ["resnet10t", "resnet10t.c3_in1k"])
def test_a_name_is_found_in_the_local_cache(
    timm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    place, commit = tmp_path / "models--timm--resnet10t.c3_in1k", "0123456789" * 4
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text(commit)
    (place / "snapshots" / commit).mkdir(parents=True)
    model, _ = folder_of(timm, place / "snapshots" / commit, "resnet10t")
    tower = open_tower(f"timm:{name}", "image")
    assert isinstance(tower, TimmTower)
    assert torch.equal(tower.model.conv1.weight, model.conv1.weight)


@pytest.mark.parametrize("hub", [True, False])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet10", "knows no such model: did you mean 'resnet10t'"),
        ("resnet10t.c3_in2k", r"did you mean 'resnet10t\.c3_in1k'"),
        ("zzz", r"no folder 'zzz'.*see timm\.list_models"),
    ],
)
def test_an_unknown_name_is_told_which_are_near(
    monkeypatch: pytest.MonkeyPatch, name: str, message: str, hub: bool
) -> None:
    forgotten(monkeypatch)
    monkeypatch.syspath_prepend(STAND_IN)
    with pytest.raises(PartError, match=message):
        open_tower(f"timm:{name}", "image", hub=hub)
    for part in ("timm", "timm.data"):
        sys.modules.pop(part, None)


def test_a_folder_that_is_not_there(timm: Any) -> None:
    with pytest.raises(PartError, match=r"no folder 'no/where': give 'timm:FOLDER'"):
        open_tower("timm:no/where", "image")


def test_the_older_form_of_a_config_keeps_side_and_colours(timm: Any, tmp_path: Path) -> None:
    _, source = folder_of(timm, tmp_path, NAMES[0])
    expected = open_tower(source, "image")
    written(tmp_path, {"architecture": NAMES[0], "num_classes": 7, "num_features": 12, **TRAINED})
    found = open_tower(source, "image")
    column = pictures(73, rows=2)
    assert found.suited(Image()) == Image(size=73)
    assert torch.equal(found.summary(column), expected.summary(column))


@pytest.mark.parametrize(("scaled", "first"), [(235, 6), (201, 12), (248, 12)])
def test_the_middle_is_cut_where_torchvision_cuts_it(scaled: int, first: int) -> None:
    side = {235: 224, 201: 176, 248: 224}[scaled]
    known = {"scaled": scaled, "side_px": side, "mean": [0.0] * 3, "deviation": [1 / 255] * 3}
    values = torch.arange(float(scaled)).clamp(max=255).expand(1, 3, scaled, scaled)
    assert Framing(known | {"cut": "nearest"})(values)[0, 0, 0, 0] == first
    assert Framing(known)(values)[0, 0, 0, 0] == (scaled - side) // 2


def test_a_folder_is_cut_as_timm_cuts(timm: Any, tmp_path: Path) -> None:
    _, source = folder_of(timm, tmp_path, NAMES[0])
    config = json.loads((tmp_path / "config.json").read_text())
    written(tmp_path, config | {"pretrained_cfg": TRAINED | {"crop_pct": 64 / 75}})
    tower = open_tower(source, "image")
    assert isinstance(tower, TimmTower)
    assert (tower.framing.scaled, tower.framing.edge) == (75, 6)


@pytest.mark.parametrize(
    ("name", "beginnings"),
    [
        ("densenet121", ["features.denseblock1", "features.transition1", "features.transition2",
                         "features.transition3"]),
        ("hrnet_w18_small", ["stage2.0", "transition2"]),
        ("vgg11", ["features.2", "features.5"]),
        ("twins_svt_small", ["blocks.0", "blocks.1"]),
        ("crossvit_tiny_240", ["blocks.0", "blocks.1"]),
        ("resnet10t", ["layer1", "layer2", "layer3", "layer4"]),
    ],
)  # fmt: skip
def test_stages_lie_between_the_points_of_features(
    timm: Any, name: str, beginnings: list[str]
) -> None:
    if timm.__file__ != str(STAND_IN / "timm" / "__init__.py"):
        pytest.skip("the parts of the stand-in are named here")
    model = timm.create_model(name, num_classes=0)
    names = {id(weight): name for name, weight in model.named_parameters()}
    first = [names[id(next(stage.parameters()))] for stage in stages(model)]
    assert [name.removesuffix(".weight") for name in first] == beginnings


def test_freeing_the_last_stage_frees_no_more(timm: Any, tmp_path: Path) -> None:
    _, source = folder_of(timm, tmp_path, "densenet121")
    encoder = Pretrained(source, width=8, unfreeze_last=1)
    encoder.setup(Layout("image", channels=3, length=64))
    total = len(list(encoder.tower.parameters()))
    free = [name for name, w in encoder.tower.named_parameters() if w.requires_grad]
    assert free[0].startswith("model.features.transition3")
    assert free[-1] == "model.features.norm5.bias"
    assert len(free) < total / 2


def test_a_network_without_stages_can_be_trained_in_full(
    timm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, source = folder_of(timm, tmp_path, NAMES[0])
    monkeypatch.setattr(TimmTower, "blocks", lambda _: stages(torch.nn.Linear(2, 2)))
    layout = Layout("image", channels=3, length=64)
    with pytest.raises(PartError, match="has 0 blocks, asked to free 1: leave it at 0, or 'all'"):
        Pretrained(source, width=8, unfreeze_last=1).setup(layout)
    Pretrained(source, width=8, unfreeze_last="all").setup(layout)


def test_lora_beside_convolutions_names_the_model_and_a_way(timm: Any, tmp_path: Path) -> None:
    _, source = folder_of(timm, tmp_path, NAMES[0])
    encoder = Pretrained(source, width=8, lora=2)
    with pytest.raises(PartError, match=rf"{source} has no linear layers.*unfreeze_last=1"):
        encoder.setup(Layout("image", channels=3, length=64))


def test_several_sequences_of_tokens_are_refused(timm: Any, tmp_path: Path) -> None:
    _, source = folder_of(timm, tmp_path, "crossvit_tiny_240")
    tower, column = open_tower(source, "image"), pictures(73, rows=2)
    assert tower.summary(column).shape == (2, tower.summed)
    with pytest.raises(PartError, match=r"'crossvit_tiny_240' gives no single.*pool='auto'"):
        tower.tokens(column)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"input_size": [4, 64, 64]}, "reads pictures of 4 colours; a picture column has 1 or 3"),
        ({"input_size": [3, 64, 96]}, "reads pictures of 64 by 96 px; only networks of square"),
        ({"input_size": [3, 32, 32]}, "cannot read a picture of 32 by 32 px in 3 colours"),
    ],
)
def test_pictures_that_a_column_cannot_hold(
    timm: Any, tmp_path: Path, said: dict[str, Any], message: str
) -> None:
    _, source = folder_of(timm, tmp_path, "vit_tiny_patch16_224")
    config = json.loads((tmp_path / "config.json").read_text())
    written(tmp_path, config | {"pretrained_cfg": TRAINED | said})
    with pytest.raises(PartError, match=f"'{source}' {message}"):
        open_tower(source, "image")


def test_torn_weights_are_refused(timm: Any, tmp_path: Path) -> None:
    _, source = folder_of(timm, tmp_path, NAMES[0])
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(PartError, match=r"model\.safetensors is torn, take a whole copy"):
        open_tower(source, "image")


def test_weights_in_a_pickle_only_are_refused(timm: Any, tmp_path: Path) -> None:
    _, source = folder_of(timm, tmp_path, NAMES[0])
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(PartError, match=r"pickle only \(pytorch_model\.bin\).*save_for_hf"):
        open_tower(source, "image")
    (tmp_path / "pytorch_model.bin").unlink()
    with pytest.raises(PartError, match=r"holds no \*\.safetensors$"):
        open_tower(source, "image")
    (tmp_path / "other.safetensors").touch()
    with pytest.raises(PartError, match=r"has no model\.safetensors"):
        open_tower(source, "image")


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
    for name in ("timm", "timm.data"):
        sys.modules.pop(name, None)
