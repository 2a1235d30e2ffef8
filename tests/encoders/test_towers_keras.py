"""Keras models as encoders: torch's weights, Keras's own figures, and what is refused."""

import copy
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from towers_made import made_again, pictures, ready

from sensorium.core.batch import Layout
from sensorium.core.errors import ExtraError, PartError
from sensorium.core.schema import Image
from sensorium.encoders import Pretrained
from sensorium.encoders.towers import open_tower
from sensorium.encoders.towers.keras import keras_on_torch

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
LAYOUT = Layout("image", channels=3, length=16)


@pytest.fixture
def keras() -> Any:
    try:
        return keras_on_torch()
    except (ExtraError, PartError) as error:
        pytest.skip(str(error))


def model(keras: Any, *, pooled: bool = False, first: bool = False, raw: bool = False) -> Any:
    """Make a small random network."""
    keras.utils.set_random_seed(0)
    layers, form = keras.layers, "channels_first" if first else "channels_last"
    taken = keras.Input((3, 16, 16) if first else (16, 16, 3))
    x = layers.Rescaling(1 / 127.5, -1)(taken) if raw else taken
    x = layers.Conv2D(4, 3, strides=2, padding="same", data_format=form)(x)
    x = layers.ReLU()(layers.BatchNormalization(axis=1 if first else -1)(x))
    x = layers.Conv2D(6, 3, strides=2, data_format=form)(x)
    x = layers.GlobalAveragePooling2D(data_format=form)(x) if pooled else x
    return keras.Model(taken, x)


@pytest.fixture
def file(keras: Any, tmp_path: Path) -> Path:
    model(keras).save(tmp_path / "eye.keras")
    return tmp_path / "eye.keras"


@pytest.mark.parametrize("options", [{}, {"first": True}, {"pooled": True}, {"raw": True}])
def test_it_gives_what_keras_gives(keras: Any, tmp_path: Path, options: dict[str, bool]) -> None:
    made = model(keras, **options)
    made.save(tmp_path / "eye.keras")
    tower, column = open_tower(str(tmp_path / "eye.keras"), "image"), pictures(16)
    pixels = column.values.float()
    pixels = pixels if options.get("raw") else pixels / 127.5 - 1
    pixels = pixels if options.get("first") else pixels.permute(0, 2, 3, 1)
    with torch.no_grad():
        wanted = made(pixels, training=False)
        if not options.get("pooled"):
            grid = wanted.flatten(2).mT if options.get("first") else wanted.flatten(1, 2)
            torch.testing.assert_close(tower.tokens(column).tokens, grid)
            wanted = grid.mean(1)
        torch.testing.assert_close(tower.summary(column), wanted)
    assert tower.features == tower.summed == 6
    assert tower.suited(Image()) == Image(size=16)


def test_made_again_without_the_file_it_gives_the_same_bits(file: Path) -> None:
    encoder = ready(Pretrained(str(file), width=8), LAYOUT)
    file.unlink()
    column = pictures(16)
    assert torch.equal(made_again(encoder, LAYOUT)(column).tokens, encoder(column).tokens)


def test_what_it_learns_are_torchs_own_weights(file: Path) -> None:
    encoder = ready(Pretrained(str(file), width=8, unfreeze_last="all"), LAYOUT).train()
    free = {n for n, weight in encoder.tower.named_parameters() if weight.requires_grad}
    assert len(free) == 6
    assert not any("moving" in name for name in free)
    before = {name: weight.clone() for name, weight in encoder.tower.named_parameters()}
    encoder(pictures(16)).tokens.square().sum().backward()
    torch.optim.SGD([w for w in encoder.parameters() if w.requires_grad], 0.1).step()
    changed = {n for n, w in encoder.tower.named_parameters() if not torch.equal(w, before[n])}
    assert changed >= {name for name in free if "conv2d_1" in name or "kernel" in name}
    assert any("moving" in name for name in changed)


def test_a_copy_stays_frozen_where_the_model_is(file: Path) -> None:
    encoder = ready(Pretrained(str(file), width=8, unfreeze_last=1), LAYOUT)
    other = copy.deepcopy(encoder)
    free, again = (
        [name for name, weight in one.named_parameters() if weight.requires_grad]
        for one in (encoder, other)
    )
    assert free == again
    column = pictures(16)
    assert torch.equal(other(column).tokens, encoder(column).tokens)
    assert not {id(w) for w in encoder.parameters()} & {id(w) for w in other.parameters()}


def test_the_last_layers_can_be_trained(file: Path) -> None:
    encoder = ready(Pretrained(str(file), width=8, unfreeze_last=1), LAYOUT)
    free = [w for w in encoder.tower.parameters() if w.requires_grad]
    assert [tuple(w.shape) for w in free] == [(6,), (3, 3, 4, 6)]
    assert set(encoder.paces().values()) == {0.01}


def test_a_frozen_one_stays_as_it_is_in_training(file: Path) -> None:
    encoder = ready(Pretrained(str(file), width=8), LAYOUT).train()
    before = {name: weight.clone() for name, weight in encoder.tower.state_dict().items()}
    encoder(pictures(16)).tokens.sum().backward()
    assert all(torch.equal(w, before[n]) for n, w in encoder.tower.state_dict().items())
    assert all(weight.grad is None for weight in encoder.tower.parameters())


def test_a_layer_that_carries_code_is_refused(keras: Any, tmp_path: Path) -> None:
    taken = keras.Input((16, 16, 3))
    out = keras.layers.Lambda(lambda x: x * 2)(taken)
    keras.Model(taken, out).save(tmp_path / "code.keras")
    with pytest.raises(PartError, match="cannot be read as a Keras model"):
        open_tower(str(tmp_path / "code.keras"), "image")


def test_a_model_of_vectors_is_refused(keras: Any, tmp_path: Path) -> None:
    keras.Sequential([keras.Input((5,)), keras.layers.Dense(2)]).save(tmp_path / "v.keras")
    with pytest.raises(PartError, match=r"takes \(None, 5\), and not pictures"):
        open_tower(str(tmp_path / "v.keras"), "image")


def test_a_torn_file_is_refused(keras: Any, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "torn.keras", "w") as archive:
        archive.writestr("config.json", "{")
    with pytest.raises(PartError, match="cannot be read as a Keras model"):
        open_tower(str(tmp_path / "torn.keras"), "image")


def test_a_missing_package_names_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "eye.keras").touch()
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(ExtraError, match=r"pip install 'sensorium\[keras\]'"):
        open_tower(str(tmp_path / "eye.keras"), "image")


def test_another_backend_is_named(keras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(PartError, match="KERAS_BACKEND=torch"):
        keras_on_torch()


def test_a_version_that_runs_code_is_refused(keras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras, "__version__", "3.8.0")
    with pytest.raises(PartError, match="too old"):
        keras_on_torch()
