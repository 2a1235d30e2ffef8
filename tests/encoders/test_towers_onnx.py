"""ONNX models as frozen networks: texts, pictures and sounds, against torch's own figures."""

import copy
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, models, pre_tokenizers
from towers_made import made_again, pictures, ready, sequences

from sensorium.core.batch import Column, Layout
from sensorium.core.errors import ExtraError, PartError
from sensorium.core.schema import Audio, Image, Text
from sensorium.encoders import Pretrained
from sensorium.encoders.towers import open_tower
from sensorium.preprocess.text import TextStep
from sensorium.testing import check_encoder

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
Ports = dict[str, tuple[str, list[Any]]]
WORDS = {"[UNK]": 0, "red": 1, "green": 2, "blue": 3, "fast": 4, "slow": 5}
SEEDED = np.random.default_rng(0)
KERNEL = SEEDED.normal(size=(5, 3, 4, 4)).astype(np.float32)
FILTER = SEEDED.normal(size=(4, 1, 10)).astype(np.float32)
TABLE = SEEDED.normal(size=(len(WORDS), 6)).astype(np.float32)


def write(
    file: Path, inputs: Ports, nodes: list[Any], weights: dict[str, Any], rank: int = 2
) -> Path:
    """Write a model whose output is called ``out``."""
    types = {"float": onnx.TensorProto.FLOAT, "int64": onnx.TensorProto.INT64}
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node(kind, given, [out], **options)
            for kind, given, out, options in nodes
        ],
        "model",
        [value(name, types[kind], shape) for name, (kind, shape) in inputs.items()],
        [value("out", types["float"], [None] * rank)],
        [onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()],
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=9), file)
    return file


def picture_model(file: Path, batch: Any = "batch", *, last: bool = False) -> Path:
    shape = [batch, 16, 16, 3] if last else [batch, 3, 16, 16]
    conv = ("Conv", ["turned", "kernel"], "grid", {"strides": [4, 4]})
    nodes = [
        ("Transpose", ["x"], "turned", {"perm": [0, 3, 1, 2] if last else [0, 1, 2, 3]}),
        conv,
        ("Transpose", ["grid"], "out", {"perm": [0, 2, 3, 1] if last else [0, 1, 2, 3]}),
    ]
    return write(file, {"x": ("float", shape)}, nodes, {"kernel": KERNEL}, rank=4)


def text_model(file: Path, time: Any = "time", *, pooled: bool = False) -> Path:
    Path(file.parent / "tokenizer.json").write_text(tokenizer().to_str(), "utf-8")
    shape = ["batch", time]
    inputs: Ports = {"input_ids": ("int64", shape), "attention_mask": ("int64", shape)}
    nodes = [
        ("Gather", ["table", "input_ids"], "found", {}),
        ("Cast", ["attention_mask"], "real", {"to": onnx.TensorProto.FLOAT}),
        ("Unsqueeze", ["real", "axis"], "weight", {}),
        ("Mul", ["found", "weight"], "tokens", {}),
    ]
    if pooled:
        nodes.append(("ReduceSum", ["tokens", "time"], "out", {"keepdims": 0}))
    else:
        nodes.append(("Identity", ["tokens"], "out", {}))
    weights = {"table": TABLE, "axis": np.array([2]), "time": np.array([1])}
    return write(file, inputs, nodes, weights, rank=2 if pooled else 3)


def sound_model(file: Path, samples: Any = "samples") -> Path:
    nodes = [
        ("Unsqueeze", ["x", "axis"], "wave", {}),
        ("Conv", ["wave", "filter"], "found", {"strides": [5]}),
        ("Transpose", ["found"], "out", {"perm": [0, 2, 1]}),
    ]
    weights = {"axis": np.array([1]), "filter": FILTER}
    return write(file, {"x": ("float", ["batch", samples])}, nodes, weights, rank=3)


def tokenizer() -> Tokenizer:
    found = Tokenizer(models.WordLevel(WORDS, unk_token="[UNK]"))  # noqa: S106  a mark
    found.pre_tokenizer = pre_tokenizers.Whitespace()
    return found


def by_torch(column: Column) -> torch.Tensor:
    pixels = (column.values.float() / 255 - 0.5) / 0.5
    return F.conv2d(pixels, torch.from_numpy(KERNEL), stride=4).flatten(2).mT


PICTURES = Layout("image", channels=3, length=16)


# --- pictures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("batch", ["batch", 1, 2])
def test_a_grid_of_pictures_is_torchs_own(tmp_path: Path, batch: Any, last: bool) -> None:
    tower = open_tower(str(picture_model(tmp_path / "eye.onnx", batch, last=last)), "image")
    column = pictures(16)
    assert (tower.features, tower.summed) == (5, 5)
    torch.testing.assert_close(tower.tokens(column).tokens, by_torch(column))
    torch.testing.assert_close(tower.summary(column), by_torch(column).mean(1))
    assert tower.suited(Image(size=64, channels=1)) == Image(size=16, channels=3)


def test_a_file_beside_it_tells_the_colours(tmp_path: Path) -> None:
    said = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.5, 0.25], "size": {"height": 99}}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(said), "utf-8")
    tower = open_tower(str(picture_model(tmp_path / "eye.onnx")), "image")
    assert tower.framing.side == 16
    torch.testing.assert_close(tower.framing.mean.flatten(), torch.tensor([0.1, 0.2, 0.3]))
    torch.testing.assert_close(tower.framing.deviation.flatten(), torch.tensor([0.5, 0.5, 0.25]))


def test_it_keeps_the_promises_of_an_encoder(tmp_path: Path) -> None:
    source = str(picture_model(tmp_path / "eye.onnx"))
    make = lambda: Pretrained(source, width=8)  # noqa: E731
    check_encoder(make, PICTURES, pictures(16), new_process=False)


def test_the_file_is_not_needed_again(tmp_path: Path) -> None:
    file = picture_model(tmp_path / "eye.onnx")
    encoder = ready(Pretrained(str(file), width=8), PICTURES)
    file.unlink()
    column = pictures(16)
    expected = encoder(column).tokens
    assert torch.equal(made_again(encoder, PICTURES)(column).tokens, expected)
    assert torch.equal(copy.deepcopy(encoder)(column).tokens, expected)


@pytest.mark.parametrize("options", [{"unfreeze_last": 1}, {"unfreeze_last": "all"}, {"lora": 4}])
def test_it_cannot_be_trained(tmp_path: Path, options: dict[str, Any]) -> None:
    encoder = Pretrained(str(picture_model(tmp_path / "eye.onnx")), width=8, **options)
    with pytest.raises(PartError):
        encoder.setup(PICTURES)


# --- texts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("time", ["time", 7])
def test_tokens_of_texts_are_rows_of_the_table(tmp_path: Path, time: Any) -> None:
    tower = open_tower(str(text_model(tmp_path / "read.onnx", time)), "text")
    field = tower.suited(Text(max_tokens=99))
    assert isinstance(field, Text)
    assert field.max_tokens == (7 if time == 7 else 99)
    step = TextStep(field).fit(["red green", "blue"])
    column = step(["red green", "blue"])
    tower.check(step.layout)
    found = tower.tokens(column).tokens
    torch.testing.assert_close(found[0], torch.from_numpy(TABLE[[1, 2]]))
    torch.testing.assert_close(tower.summary(column)[1], torch.from_numpy(TABLE[3]))


def test_a_summary_is_taken_as_it_is(tmp_path: Path) -> None:
    tower = open_tower(str(text_model(tmp_path / "read.onnx", pooled=True)), "text")
    column = sequences(torch.tensor([[1, 2], [3, 4]]))
    wanted = torch.from_numpy(TABLE)[column.values].sum(1)
    torch.testing.assert_close(tower.summary(column), wanted)
    torch.testing.assert_close(tower.tokens(column).tokens, wanted.unsqueeze(1))


def test_texts_keep_the_promises_of_an_encoder(tmp_path: Path) -> None:
    source = str(text_model(tmp_path / "read.onnx"))
    field = Pretrained(source, width=8).suited(Text(max_tokens=6))
    assert isinstance(field, Text)
    step = TextStep(field).fit(["red"])
    column = sequences(torch.randint(1, 6, (5, 6)))
    for pool in ("auto", "none", "last"):
        make = lambda pool=pool: Pretrained(source, width=8, pool=pool)  # noqa: E731
        check_encoder(make, step.layout, column, new_process=False)


def test_another_tokenizer_is_refused(tmp_path: Path) -> None:
    tower = open_tower(str(text_model(tmp_path / "read.onnx")), "text")
    with pytest.raises(PartError, match="the tokenizer does not match"):
        tower.check(Layout("text", vocabulary=6, length=4, tokenizer="another"))


def test_texts_without_a_tokenizer_are_refused(tmp_path: Path) -> None:
    file = text_model(tmp_path / "read.onnx")
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(PartError, match=r"no tokenizer\.json beside it"):
        open_tower(str(file), "text")


# --- sounds -----------------------------------------------------------------------------------


def heard(sound: torch.Tensor) -> torch.Tensor:
    return F.conv1d(sound[None, None], torch.from_numpy(FILTER), stride=5)[0].mT


def test_no_padding_is_heard(tmp_path: Path) -> None:
    tower = open_tower(str(sound_model(tmp_path / "ear.onnx")), "audio")
    values = torch.rand(2, 100) * 2 - 1
    mask = torch.arange(100) < torch.tensor([[100], [60]])
    column = Column(values, mask, torch.ones(2, dtype=torch.bool))
    found = tower.tokens(column)
    assert found.mask.sum(1).tolist() == [19, 11]
    torch.testing.assert_close(found.tokens[1, :11], heard(values[1, :60]))
    torch.testing.assert_close(tower.summary(column)[0], heard(values[0]).mean(0))


def test_a_fixed_length_is_filled_up(tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text('{"sampling_rate": 8000}', "utf-8")
    tower = open_tower(str(sound_model(tmp_path / "ear.onnx", 4_000)), "audio")
    assert tower.suited(Audio()) == Audio(rate=8_000, seconds=0.5)
    column = sequences(torch.rand(1, 2_000))
    found = tower.tokens(column)
    assert found.tokens.shape == (1, 400, 4)
    torch.testing.assert_close(found.tokens[0, :399], heard(column.values[0]))
    tower.check(Layout("audio", rate=8_000.0))
    with pytest.raises(PartError, match="hears 8000 Hz"):
        tower.check(Layout("audio", rate=16_000.0))


def test_a_sound_is_evened_where_the_model_was_trained_so(tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text('{"do_normalize": true}', "utf-8")
    tower = open_tower(str(sound_model(tmp_path / "ear.onnx")), "audio")
    column = sequences(torch.rand(1, 100))
    sound = column.values[0]
    even = (sound - sound.mean()) / sound.std(unbiased=False)
    torch.testing.assert_close(tower.tokens(column).tokens[0], heard(even), atol=1e-4, rtol=1e-4)


# --- what cannot be ---------------------------------------------------------------------------


def test_a_model_of_another_kind_names_what_it_takes(tmp_path: Path) -> None:
    file = picture_model(tmp_path / "eye.onnx")
    with pytest.raises(PartError, match=r"reads image, the column is text; .* x tensor\(float\)"):
        open_tower(str(file), "text")


def test_a_vector_of_numbers_is_for_no_column(tmp_path: Path) -> None:
    ports: Ports = {"a": ("float", [1, 2, 3]), "b": ("int64", [1])}
    file = write(tmp_path / "odd.onnx", ports, [("Identity", ["a"], "out", {})], {}, rank=3)
    with pytest.raises(PartError, match="is for no text, image or audio"):
        open_tower(str(file), "audio")


@pytest.mark.parametrize("content", [b"", b"no protocol buffer"])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "torn.onnx").write_bytes(content)
    with pytest.raises(PartError, match=r"torn\.onnx cannot be run by ONNX Runtime"):
        open_tower(str(tmp_path / "torn.onnx"), "image")


def test_weights_in_another_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would be missing from the model that is saved, or be any file of this machine."""
    model = onnx.load(picture_model(tmp_path / "eye.onnx"))
    monkeypatch.chdir(tmp_path)
    onnx.save(model, "eye.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    with pytest.raises(PartError, match="give one file that holds graph and weights"):
        open_tower("eye.onnx", "image")


def test_no_file_is_no_hub_id() -> None:
    with pytest.raises(PartError, match=r"there is no model 'models/eye\.onnx'"):
        open_tower("models/eye.onnx", "image")


def test_a_missing_runtime_names_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = picture_model(tmp_path / "eye.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ExtraError, match=r"pip install 'sensorium\[onnx\]'"):
        open_tower(str(file), "image")
