"""Whatever is wrong with a pretrained model is said, with what to do; nothing is fetched."""

import builtins
import json
import socket
from collections.abc import Callable
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import sensorium as sm
from sensorium.core.errors import ExtraError, PartError, SchemaError
from sensorium.encoders import Pretrained
from sensorium.encoders.towers import open_tower, remade_tower
from sensorium.preprocess.text import TextStep
from tiny_models import TEXTS, made, model_of, rows

Tiny = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        pytest.fail("the network was used")

    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, refused)
    monkeypatch.setattr(socket.socket, "connect", refused)


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Make a package look as if it were not installed."""
    real = builtins.__import__

    def imported(name: str, *rest: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == package:
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", imported)


@pytest.mark.parametrize("kind", ["text", "image", "audio"])
def test_a_folder_that_is_no_model(tmp_path: Path, kind: str) -> None:
    (tmp_path / "notes.md").write_text("nothing")
    with pytest.raises(PartError, match=r"is not a model: it has no config\.json.*notes\.md"):
        open_tower(str(tmp_path), kind)


@pytest.mark.parametrize("source", ["nowhere", "./nowhere/there", "/no/where/else", "~/nowhere"])
def test_a_folder_that_is_not_there(source: str) -> None:
    with pytest.raises(PartError, match=r"there is no model .*name a folder that holds config"):
        open_tower(source, "text")


def test_a_hub_id_that_is_not_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(PartError, match=r"is not in the hub's local cache.*pass hub=True.*folder"):
        Pretrained("nobody/nothing", width=8).suited(sm.Text())


def test_a_hub_id_that_is_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    place, commit = tmp_path / "models--nobody--bert", "0123456789" * 4
    made("bert", place / "snapshots" / commit)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(commit)
    model, _ = model_of(rows(8), words=Pretrained("nobody/bert", width=8))
    assert model.encoders["words"].frozen is not None


def test_a_torn_config(tmp_path: Path) -> None:
    folder = made("bert", tmp_path)
    file = folder / "config.json"
    file.write_text(file.read_text()[:80])
    with pytest.raises(PartError, match=r"config\.json is not JSON.*take a whole copy"):
        open_tower(str(folder), "text")


@pytest.mark.parametrize("file", ["tokenizer.json", "model.safetensors"])
def test_torn_files(tmp_path: Path, file: str) -> None:
    folder = made("bert", tmp_path)
    whole = (folder / file).read_bytes()
    (folder / file).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PartError, match="take a whole copy"):
        open_tower(str(folder), "text")


def test_a_torn_preprocessor(tmp_path: Path) -> None:
    folder = made("vit", tmp_path)
    (folder / "preprocessor_config.json").write_text('{"size": ')
    with pytest.raises(PartError, match=r"preprocessor_config\.json is not JSON"):
        open_tower(str(folder), "image")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(PartError, match=r"no preprocessor_config\.json, which says"):
        open_tower(str(folder), "image")


def test_weights_of_another_architecture(tmp_path: Path, tiny: Tiny) -> None:
    folder = made("distilbert", tmp_path)
    (folder / "config.json").write_bytes((tiny("bert") / "config.json").read_bytes())
    with pytest.raises(PartError, match=r"another architecture than its config\.json.*missing"):
        open_tower(str(folder), "text")


@pytest.mark.parametrize(
    ("family", "kind", "other"),
    [
        ("bert", "text", {"intermediate_size": 48}),
        ("bert", "text", {"hidden_size": 48}),
        ("vit", "image", {"intermediate_size": 48}),
    ],
)
def test_weights_of_another_shape(
    tmp_path: Path, family: str, kind: str, other: dict[str, int]
) -> None:
    folder = made(family, tmp_path)
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(said | other))
    message = r"of another architecture than its config\.json.* [1-9]\d* of another shape; for"
    with pytest.raises(PartError, match=message) as caught:
        open_tower(str(folder), kind)
    assert "ignore_mismatched_sizes" not in str(caught.value)


def test_one_weight_is_missing(tmp_path: Path) -> None:
    folder = made("vit", tmp_path)
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if "layernorm.weight" in name)
    save_file({n: w for n, w in weights.items() if n != name}, folder / "model.safetensors",
              {"format": "pt"})  # fmt: skip
    with pytest.raises(PartError, match=r"1 missing, 0 of another shape; for example .*layernorm"):
        open_tower(str(folder), "image")


@pytest.mark.parametrize("file", ["pytorch_model.bin", "model.pt"])
def test_weights_in_a_pickle_only(tmp_path: Path, file: str) -> None:
    folder = made("bert", tmp_path)
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    with pytest.raises(PartError, match=r"holds no \*\.safetensors$"):
        open_tower(str(folder), "text")
    torch.save(weights, folder / file)
    with pytest.raises(PartError, match=rf"pickle only \({file}\).*convert it once.*weights_only"):
        open_tower(str(folder), "text")


def test_a_config_of_an_architecture_that_is_not_known(tmp_path: Path) -> None:
    folder = made("bert", tmp_path)
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(said | {"model_type": "tomorrow"}))
    with pytest.raises(PartError, match=r"knows no model of type 'tomorrow'.*pip") as caught:
        open_tower(str(folder), "text")
    assert len(str(caught.value)) < 300
    assert "whole copy" not in str(caught.value)
    (folder / "config.json").write_text(json.dumps(said | {"model_type": "brt"}))
    with pytest.raises(PartError, match="did you mean 'bert'"):
        open_tower(str(folder), "text")


def test_code_of_an_author_is_never_run(tmp_path: Path) -> None:
    """Neither a module of the folder's own, nor attention that is fetched by name."""
    folder = made("bert", tmp_path)
    said = json.loads((folder / "config.json").read_text())
    said["auto_map"] = {"AutoModel": "theirs.Model", "AutoConfig": "theirs.Config"}
    said["_attn_implementation"] = said["attn_implementation"] = "someone/kernel"
    (folder / "config.json").write_text(json.dumps(said))
    (folder / "theirs.py").write_text("raise SystemExit('ran')")
    tower = open_tower(str(folder), "text")
    assert tower.model.config._attn_implementation == "sdpa"  # type: ignore[union-attr]
    again = remade_tower({"tower": "TextTower", "known": dict(tower.state())})
    assert again.model.config._attn_implementation == "sdpa"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("family", "kind", "message"),
    [
        ("bert", "image", "reads text, the column is image"),
        ("vit", "text", "reads image, the column is text"),
        ("whisper", "text", "reads audio, the column is text"),
        ("ast", "image", "reads audio, the column is image"),
        ("bert", "audio", "is no sound encoder known here: whisper"),
    ],
)
def test_a_model_of_another_kind(tiny: Tiny, family: str, kind: str, message: str) -> None:
    with pytest.raises(PartError, match=message):
        open_tower(str(tiny(family)), kind)


def test_a_column_that_no_network_reads(tiny: Tiny) -> None:
    encoder = Pretrained(str(tiny("bert")), width=8)
    assert encoder.suited(sm.Number()) == sm.Number()
    data = sm.read(rows(8), sm.Schema({"x": sm.Number()}, {"side": sm.Category()}))
    with pytest.raises(PartError, match=r"'x' is number, but Pretrained reads \['audio', 'image'"):
        sm.Model(
            sm.Preprocess.fit(data), encoders={"x": encoder},
            fusion=sm.fusion.Concat(width=8), task=sm.Classify("side"),
        )  # fmt: skip


def test_more_blocks_to_free_than_there_are(tiny: Tiny) -> None:
    with pytest.raises(PartError, match="has 3 blocks, asked to free 4: free at most 3, or 'all'"):
        model_of(rows(8), words=Pretrained(str(tiny("bert")), width=8, unfreeze_last=4))


def test_options_that_cannot_be_are_all_named() -> None:
    with pytest.raises(PartError) as caught:
        Pretrained("somewhere", width=8, lora=4, unfreeze_last=2, pace=0.0, layer_decay=1.5,
                   dropout=1.0)  # fmt: skip
    for part in ("lora and unfreeze_last exclude", "pace must be a number above 0",
                 "layer_decay lies in", "dropout is a share"):  # fmt: skip
        assert part in str(caught.value)
    wrong: list[dict[str, float]] = [
        {"lora": -1}, {"unfreeze_last": -1}, {"pace": nan}, {"pace": inf}, {"layer_decay": nan},
        {"dropout": nan},
    ]  # fmt: skip
    for options in wrong:
        with pytest.raises(PartError, match="cannot be"):
            Pretrained("somewhere", width=8, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "message"),
    [("lora", "a whole number, 0 or more, found 1.5"), ("unfreeze_last", "a count or 'all'")],
)
def test_counts_are_whole_numbers(name: str, message: str) -> None:
    encoder = Pretrained("somewhere", width=8)
    setattr(encoder, name, 1.5)  # the types of arguments are checked in tests only
    with pytest.raises(PartError, match=message):
        encoder._check()


def test_lora_where_there_is_nothing_linear(tiny: Tiny) -> None:
    with pytest.raises(PartError, match=r"/resnet has no linear layers.*unfreeze_last=1"):
        model_of(rows(8), picture=Pretrained(str(tiny("resnet")), width=8, lora=2))


def test_a_text_column_with_a_tokenizer_of_its_own_is_told_which_to_take(tiny: Tiny) -> None:
    encoder = Pretrained(str(tiny("bert")), width=8)
    schema = sm.Schema({"words": sm.Text(vocabulary=300)}, {"side": sm.Category()})
    data = sm.read(rows(8), schema)
    with pytest.raises(PartError, match=r"use Text\(tokenizer='.*bert'\)"):
        sm.Model(
            sm.Preprocess.fit(data), encoders={"words": encoder},
            fusion=sm.fusion.Concat(width=8), task=sm.Classify("side"),
        )  # fmt: skip


def test_a_folder_without_any_tokenizer(tmp_path: Path) -> None:
    folder = made("bert", tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    field = Pretrained(str(folder), width=8).suited(sm.Text())
    assert isinstance(field, sm.Text)
    with pytest.raises(SchemaError, match="there is no such tokenizer"):
        TextStep(field).fit(TEXTS)


@pytest.mark.parametrize("family", ["bert", "vit", "wav2vec2"])
def test_transformers_is_not_installed(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    kind = {"bert": "text", "vit": "image", "wav2vec2": "audio"}[family]
    folder = tiny(family)
    state = {"tower": f"{kind.title()}Tower", "known": dict(open_tower(str(folder), kind).state())}
    without(monkeypatch, "transformers")
    for opened in (lambda: open_tower(str(folder), kind), lambda: remade_tower(state)):
        with pytest.raises(ExtraError, match=r"pip install 'sensorium\[pretrained\]'"):
            opened()


def test_peft_is_not_installed(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Pretrained(str(tiny("bert")), width=8, lora=2)
    field = encoder.suited(sm.Text(max_tokens=12))
    assert isinstance(field, sm.Text)
    layout = TextStep(field).fit(TEXTS).layout
    without(monkeypatch, "peft")
    with pytest.raises(ExtraError, match=r"'peft'.*pip install 'sensorium\[pretrained\]'"):
        encoder.setup(layout)


def test_the_hubs_client_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "huggingface_hub")
    with pytest.raises(ExtraError, match=r"'huggingface_hub'.*sensorium\[pretrained\]"):
        open_tower("nobody/nothing", "text")


def test_a_state_that_cannot_be(tiny: Tiny) -> None:
    with pytest.raises(PartError, match="no tower is called 'Babel'"):
        remade_tower({"tower": "Babel", "known": {}})
    known = dict(open_tower(str(tiny("bert")), "text").state())
    wrong = known | {"config": known["config"] | {"num_attention_heads": 3}}
    with pytest.raises(PartError, match="cannot be made again from its saved config"):
        remade_tower({"tower": "TextTower", "known": wrong})
