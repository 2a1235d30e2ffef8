"""EfficientNet-Lite: its padding by hand, its table, its folder, and its published weights."""

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from towers_made import MODELS, made_again, pictures, ready, real

from sensorium.core.batch import Column, Layout
from sensorium.core.errors import PartError
from sensorium.core.schema import Image
from sensorium.encoders import Pretrained
from sensorium.encoders.towers import open_tower
from sensorium.encoders.towers.efficientnet import (
    LITE0,
    PUBLISHED,
    EfficientNet,
    EfficientNetTower,
    MBConv,
    renamed,
    same_padded,
)
from sensorium.testing import check_encoder

SMALL = {
    "model_type": "efficientnet-lite0",
    "stem": 4,
    "stages": [[1, 3, 1, 1, 4], [2, 5, 2, 2, 6]],
    "head": 8,
    "side": 16,
}
LAYOUT = Layout("image", channels=3, length=16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a folder as a user would share one."""
    tower = EfficientNetTower({"config": SMALL})
    save_file(tower.network.state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(tower.state()["config"]), "utf-8")
    return tmp_path


@pytest.mark.parametrize(("side", "kernel", "left", "right"), [
    (224, 3, 0, 1), (112, 3, 0, 1), (56, 5, 1, 2), (7, 3, 1, 1), (15, 5, 2, 2), (1, 3, 1, 1),
])  # fmt: skip
def test_what_cannot_be_split_lies_right_and_below(
    side: int, kernel: int, left: int, right: int
) -> None:
    padded = same_padded(torch.ones(1, 1, side, side), kernel, 2)
    assert padded.shape == (1, 1, side + left + right, side + left + right)
    assert padded[0, 0, :, 0].sum() == (0 if left else side)
    assert (padded.shape[-1] - kernel) // 2 + 1 == -(-side // 2)
    assert F.max_pool2d(padded, kernel, 2).shape[-1] == -(-side // 2)


def test_the_table_gives_the_size_that_was_published() -> None:
    network = EfficientNet(LITE0["stem"], LITE0["stages"], LITE0["head"])
    assert len(network.blocks) == 16
    assert sum(p.numel() for p in network.parameters()) == 4_652_008 - 1_281_000
    assert sum(block.passes for block in network.blocks) == 9


def test_the_input_passes_around_a_block_of_the_same_shape() -> None:
    block = MBConv(4, 4, 3, 1, 2).eval()
    torch.nn.init.zeros_(block.project.conv.weight)
    x = torch.randn(2, 4, 5, 5)
    assert torch.equal(block(x), x)
    assert MBConv(4, 6, 3, 2, 2)(x).shape == (2, 6, 3, 3)


def test_names_as_published_become_our_own() -> None:
    names = {
        "_conv_stem.weight": "stem.conv.weight",
        "_bn0.running_mean": "stem.norm.running_mean",
        "_blocks.1._bn0.bias": "blocks.1.expand.norm.bias",
        "_blocks.10._expand_conv.weight": "blocks.10.expand.conv.weight",
        "_blocks.0._bn1.weight": "blocks.0.depth.norm.weight",
        "_blocks.0._depthwise_conv.weight": "blocks.0.depth.conv.weight",
        "_blocks.15._bn2.running_var": "blocks.15.project.norm.running_var",
        "_bn1.weight": "head.norm.weight",
        "_conv_head.weight": "head.conv.weight",
        "_fc.bias": "",
        "_bn0.num_batches_tracked": "",
    }
    found = renamed({name: torch.zeros(1) for name in names})
    assert list(found) == [own for own in names.values() if own]


def test_it_keeps_the_promises_of_an_encoder(folder: Path) -> None:
    for pool in ("auto", "none"):
        make = lambda pool=pool: Pretrained(str(folder), width=8, pool=pool)  # noqa: E731
        check_encoder(make, LAYOUT, pictures(16), new_process=False)


def test_the_grid_is_its_tokens_and_their_mean_its_summary(folder: Path) -> None:
    tower = open_tower(str(folder), "image")
    column = pictures(16)
    tokens = tower.tokens(column).tokens
    assert tokens.shape == (5, 16, 8)
    torch.testing.assert_close(tower.summary(column), tokens.mean(1))
    assert tower.suited(Image(size=64, channels=1)) == Image(size=16, channels=3)


def test_grey_and_larger_pictures_are_fitted(folder: Path) -> None:
    tower = open_tower(str(folder), "image")
    grey = pictures(40, channels=1)
    coloured = Column(grey.values.expand(-1, 3, -1, -1), grey.mask, grey.present)
    torch.testing.assert_close(tower.summary(grey), tower.summary(coloured))


def test_the_last_blocks_can_be_trained(folder: Path) -> None:
    encoder = ready(Pretrained(str(folder), width=8, unfreeze_last=1), LAYOUT)
    free = {name for name, weight in encoder.tower.named_parameters() if weight.requires_grad}
    assert free
    assert all(name.startswith(("network.blocks.2.", "network.head.")) for name in free)


def test_made_again_it_gives_the_same_bits(folder: Path) -> None:
    encoder = ready(Pretrained(str(folder), width=8), LAYOUT)
    again = made_again(encoder, LAYOUT)
    column = pictures(16)
    assert torch.equal(again(column).tokens, encoder(column).tokens)


def test_weights_of_another_table_are_refused(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({**SMALL, "head": 9}), "utf-8")
    with pytest.raises(PartError, match=r"do not fit its config\.json"):
        open_tower(str(folder), "image")


def test_another_kind_of_column_is_refused(folder: Path) -> None:
    with pytest.raises(PartError, match="reads image, the column is text"):
        open_tower(str(folder), "text")


def test_a_changed_pickle_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    (tmp_path / PUBLISHED.file).write_bytes(b"not what was published")
    with pytest.raises(PartError, match="sha256"):
        open_tower(str(tmp_path), "image")


@real("efficientnet-lite0")
def test_published_weights_give_the_figures_of_the_reference_implementation() -> None:
    """Figures of efficientnet_lite_pytorch 0.1.0, computed on the same picture."""
    tower = open_tower(str(MODELS / "efficientnet-lite0"), "image")
    n = torch.arange(224)
    stripes = [(3 * n[:, None] + 5 * n + 85 * colour) % 256 for colour in range(3)]
    one = torch.ones(1, 1, dtype=torch.bool)
    column = Column(torch.stack(stripes)[None].to(torch.uint8), one, one[0])
    with torch.inference_mode():
        found = tower.summary(column)[0]
        assert tower.tokens(column).tokens.shape == (1, 49, 1280)
    wanted = {113: 5.6684, 328: 5.1627, 915: 4.7070, 761: 4.6551, 949: 4.4550, 1279: 0.290778}
    assert {i: found[i].item() for i in wanted} == pytest.approx(wanted, abs=1e-4)
    assert found.norm().item() == pytest.approx(21.454082, abs=1e-4)


def test_tuning_keeps_the_statistics_of_pretraining(folder: Path) -> None:
    encoder = ready(Pretrained(str(folder), width=8, unfreeze_last=1), LAYOUT)
    column = pictures(16)
    before = {name: held.clone() for name, held in encoder.tower.named_buffers()}
    encoder.train()(column)
    assert any("running_mean" in name for name in before)
    assert all(torch.equal(held, before[name]) for name, held in encoder.tower.named_buffers())
    assert all(weight.requires_grad for weight in encoder.tower.network.head.parameters())
