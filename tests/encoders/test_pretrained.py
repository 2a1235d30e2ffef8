"""What of a pretrained network is trained, how fast, and how it is saved."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import sensorium as sm
from sensorium.compare import part_of
from sensorium.core.batch import Column, Layout
from sensorium.core.describe import build, describe
from sensorium.core.schema import Audio, Image, Text
from sensorium.encoders import Pretrained
from sensorium.preprocess.audio import AudioStep
from sensorium.preprocess.image import ImageStep
from sensorium.preprocess.text import TextStep
from sensorium.testing import check_encoder
from sensorium.train.optimisers import make_optimiser, set_rate, trainable
from sensorium.train.weights import learned
from tiny_models import TEXTS, made, model_of, rows

Tiny = Callable[[str], Path]
LAYERS = {"bert": "encoder.layer", "vit": "layers", "hubert": "encoder.layers"}


def case(folder: Path, kind: str, **options: Any) -> tuple[Layout, Column]:
    """Fit a column of four cells that a tiny model reads."""
    encoder = Pretrained(str(folder), width=8, **options)
    generator = np.random.default_rng(0)
    match kind:
        case "text":
            field = encoder.suited(Text(max_tokens=12))
            assert isinstance(field, Text)
            words = TextStep(field).fit(TEXTS)
            return words.layout, words(TEXTS)
        case "image":
            picture = ImageStep(encoder.suited(Image()))
            shape = (4, 3, picture.field.size, picture.field.size)
            return picture.layout, picture(list(generator.integers(0, 256, shape, np.uint8)))
    sound = AudioStep(encoder.suited(Audio(seconds=0.2)))
    cells = generator.integers(-9_000, 9_000, (4, sound.layout.length)).astype(np.int16)
    return sound.layout, sound(list(cells))


def ready(folder: Path, kind: str, **options: Any) -> tuple[Pretrained, Column]:
    layout, column = case(folder, kind)
    encoder = Pretrained(str(folder), width=8, **options)
    encoder.setup(layout)
    return encoder, column


def free(encoder: Pretrained) -> set[str]:
    """Name the weights of the network that are trained."""
    return {name for name, w in encoder.tower.named_parameters() if w.requires_grad}


@pytest.mark.parametrize(
    ("family", "kind"),
    [("bert", "text"), ("roberta", "text"), ("vit", "image"), ("convnext", "image"),
     ("wav2vec2", "audio"), ("hubert", "audio")],
)  # fmt: skip
def test_a_frozen_network_keeps_every_promise(tiny: Tiny, family: str, kind: str) -> None:
    folder = str(tiny(family))
    layout, column = case(tiny(family), kind)
    new = family == "vit"
    check_encoder(lambda: Pretrained(folder, width=8), layout, column, new_process=new)


@pytest.mark.parametrize("options", [{"unfreeze_last": 1}, {"lora": 2}, {"pool": "none"}], ids=str)
@pytest.mark.parametrize(("family", "kind"), [("bert", "text"), ("vit", "image")])
def test_a_network_that_is_trained_keeps_every_promise(
    tiny: Tiny, family: str, kind: str, options: Any
) -> None:
    layout, column = case(tiny(family), kind)
    folder = str(tiny(family))
    make = lambda: Pretrained(folder, width=8, **options)  # noqa: E731
    check_encoder(make, layout, column, new_process=False)


def test_a_network_without_a_projection_keeps_every_promise(tiny: Tiny) -> None:
    layout, column = case(tiny("clip"), "image")
    make = lambda: Pretrained(str(tiny("clip")), width=12, project=False)  # noqa: E731
    check_encoder(make, layout, column, new_process=False)
    encoder = make()
    encoder.setup(layout)
    assert torch.equal(encoder(column).tokens, encoder.extract(column).values)


def test_no_gradient_reaches_a_frozen_network_and_its_dropout_is_off(tiny: Tiny) -> None:
    encoder, column = ready(tiny("bert"), "text")
    assert free(encoder) == set()
    encoder.train()
    assert not any(part.training for part in encoder.tower.modules())
    assert encoder.norm.training
    first, second = encoder.extract(column).values, encoder.extract(column).values
    assert torch.equal(first, second)
    assert not torch.equal(encoder(column).tokens, encoder(column).tokens)  # its own is on
    encoder(column).tokens.sum().backward()
    assert all(w.grad is None for w in encoder.tower.parameters())
    assert encoder.out.weight.grad is not None
    assert encoder.frozen is encoder.tower
    assert encoder.paces() == {}


@pytest.mark.parametrize(("family", "kind"), [("bert", "text"), ("vit", "image"),
                                              ("hubert", "audio")])  # fmt: skip
@pytest.mark.parametrize("count", [1, 2])
def test_the_last_blocks_and_all_behind_are_freed(
    tiny: Tiny, family: str, kind: str, count: int
) -> None:
    encoder, column = ready(tiny(family), kind, unfreeze_last=count)
    blocks = encoder.tower.blocks()
    weights = list(encoder.tower.parameters())
    inside = {id(w) for block in blocks for w in block.parameters()}
    behind = {id(w) for w in weights[max(n for n, w in enumerate(weights) if id(w) in inside) :]}
    last = {id(w) for block in blocks[-count:] for w in block.parameters()}
    found = {id(w) for w in weights if w.requires_grad}
    assert found == last | behind
    assert encoder.frozen is None
    encoder.eval()(column).tokens.square().sum().backward()
    assert last <= {id(w) for w in weights if w.grad is not None} <= found
    assert encoder.train().tower.training


def test_everything_is_freed(tiny: Tiny) -> None:
    encoder, column = ready(tiny("bert"), "text", unfreeze_last="all")
    assert free(encoder) == {name for name, _ in encoder.tower.named_parameters()}
    encoder(column).tokens.square().sum().backward()
    assert all(w.grad is not None for w in encoder.tower.parameters())


def test_each_block_has_the_rate_of_its_depth(tiny: Tiny) -> None:
    paces = ready(tiny("vit"), "image", unfreeze_last="all", pace=0.1, layer_decay=0.5)[0].paces()
    found: dict[str, set[float]] = {}
    for name, pace in paces.items():
        inner = name.removeprefix("tower.model.")
        head = inner if not inner.startswith("layers.") else inner[: len("layers.0")]
        found.setdefault(head.split(".weight")[0].split(".bias")[0], set()).add(round(pace, 6))
    assert found["layernorm"] == {0.1}
    assert [found[f"layers.{n}"] for n in (2, 1, 0)] == [{0.05}, {0.025}, {0.0125}]
    assert found["embeddings.cls_token"] == {0.00625}


def test_the_optimiser_has_a_group_for_each_rate(tiny: Tiny) -> None:
    model, _ = model_of(
        rows(), words=Pretrained(str(tiny("bert")), width=8, unfreeze_last=2, pace=0.1,
                                 layer_decay=0.5),
    )  # fmt: skip
    optimiser = make_optimiser(model, sm.Plan(weight_decay=0.05, rate=1.0))
    set_rate(optimiser, 2.0)
    by_weight = {id(w): group for group in optimiser.param_groups for w in group["params"]}
    assert len(by_weight) == len(list(trainable(model)))
    names = dict(model.named_parameters())
    last = "_encoders.0.tower.model.encoder.layer.2.output.dense.weight"
    earlier = "_encoders.0.tower.model.encoder.layer.1.output.dense.bias"
    assert by_weight[id(names[last])]["lr"] == pytest.approx(2.0 * 0.1 * 0.5)
    assert by_weight[id(names[last])]["weight_decay"] == 0.05
    assert by_weight[id(names[earlier])]["lr"] == pytest.approx(2.0 * 0.1 * 0.25)
    assert by_weight[id(names[earlier])]["weight_decay"] == 0.0
    assert by_weight[id(names["_encoders.0.out.weight"])]["lr"] == 2.0
    assert {len(group["params"]) > 0 for group in optimiser.param_groups} == {True}


@pytest.mark.parametrize(("family", "kind"), [("bert", "text"), ("vit", "image"),
                                              ("whisper", "audio")])  # fmt: skip
def test_lora_starts_as_the_network_and_trains_only_adapters(
    tiny: Tiny, family: str, kind: str
) -> None:
    plain, column = ready(tiny(family), kind)
    encoder, _ = ready(tiny(family), kind, lora=2)
    assert torch.equal(encoder.eval().extract(column).values, plain.extract(column).values)
    assert encoder.frozen is None
    assert all(".lora_" in name for name in free(encoder))
    inside = sum(
        isinstance(part, torch.nn.Linear)
        for block in plain.tower.blocks()
        for part in block.modules()
    )
    assert len(free(encoder)) == 2 * inside
    before = {name: w.clone() for name, w in encoder.tower.named_parameters()}
    optimiser = torch.optim.SGD([w for w in encoder.parameters() if w.requires_grad], 0.1)
    for _ in range(2):
        optimiser.zero_grad()
        encoder(column).tokens.square().sum().backward()
        optimiser.step()
    moved = {n for n, w in encoder.tower.named_parameters() if not torch.equal(w, before[n])}
    assert moved == free(encoder)


def trained(folders: dict[str, Path], options: Any) -> sm.Model:
    """Train a model a little on both columns."""
    model, data = model_of(
        rows(24), **{name: Pretrained(str(folder), width=8, **options)
                     for name, folder in folders.items()},
    )  # fmt: skip
    plan = sm.Plan(epochs=1, rows_per_step=8, precision="fp32")
    return sm.train(model, data, plan=plan, quiet=True).model


CODE = """
import json, sys, numpy, torch, sensorium
torch.set_num_threads(1)
rows = json.load(sys.stdin)
for row in rows:
    if row['picture']: row['picture'] = numpy.array(row['picture'], numpy.uint8)
answers = [sensorium.load(folder).predict_proba(*rows).tolist() for folder in sys.argv[1:]]
print(json.dumps(answers))
"""


def test_a_saved_model_does_not_need_its_source(tmp_path: Path) -> None:
    """Answers are the same to the last bit after the folders are gone, in a new process."""
    folders = {"words": made("bert", tmp_path / "bert"), "picture": made("dinov2", tmp_path / "v")}
    ways: list[Any] = [{}, {"lora": 2}, {"unfreeze_last": 1}, {"pool": "none"}]
    models = [trained(folders, options) for options in ways]
    table = rows(9)
    table[0]["words"] = table[1]["picture"] = None
    expected = [model.predict_proba(*table) for model in models]
    places = [model.save(tmp_path / f"model{n}") for n, model in enumerate(models)]
    for folder in folders.values():
        shutil.rmtree(folder)
    for model, place in zip(models, places, strict=True):
        again = sm.load(place)
        assert again.fingerprint == model.fingerprint
        names = [{n: e.name for n, e in m.extractors().items()} for m in (model, again)]
        assert names[0] == names[1]
    plain = [{**row, "picture": None if row["picture"] is None else row["picture"].tolist()}
             for row in table]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CODE, *map(str, places)],
        input=json.dumps(plain), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    for found, own in zip(json.loads(done.stdout), expected, strict=True):
        assert np.array_equal(np.array(found), own)


def test_a_part_of_a_model_stands_on_the_same_frozen_weights(tmp_path: Path) -> None:
    folder = made("bert", tmp_path / "bert")
    shared = Pretrained(str(folder), width=8)
    model, data = model_of(rows(12), words=shared)
    shutil.rmtree(folder)
    part = part_of(model, ["words"])
    assert list(part.encoders) == ["words"]
    own, whole = part.encoders["words"].frozen, shared.frozen
    assert own is not None
    assert whole is not None
    assert own is not whole
    for name, weight in whole.state_dict().items():
        assert torch.equal(own.state_dict()[name], weight)
    assert not any(w.requires_grad for w in own.parameters())
    assert part.extractors()["words"].name == model.extractors()["words"].name
    assert part_of(model, ["x"]).predict(*data) is not None


def test_two_columns_share_one_network(tiny: Tiny) -> None:
    encoder = Pretrained(str(tiny("bert")), width=8)
    field = encoder.suited(sm.Text(max_tokens=12))
    schema = sm.Schema({"one": field, "two": field}, {"side": sm.Category()})
    table = [{"one": TEXTS[n % 3], "two": TEXTS[(n + 1) % 3], "side": "ab"[n % 2]}
             for n in range(8)]  # fmt: skip
    data = sm.read(table, schema)
    model = sm.Model(
        sm.Preprocess.fit(data), encoders={"one": encoder, "two": encoder},
        fusion=sm.fusion.Concat(width=8), task=sm.Classify("side"),
    )  # fmt: skip
    assert list(model.describe()["states"]) == ["one"]
    assert not any("tower" in name for name in learned(model))
    part = part_of(model, ["two"])
    assert part.extractors()["two"].name == model.extractors()["one"].name


def test_grey_pictures_and_any_width_will_do(tiny: Tiny) -> None:
    for width in (8, 24):
        encoder = Pretrained(str(tiny("clip")), width=width)
        step = ImageStep(Image(size=16, channels=1))
        encoder.setup(step.layout)
        cells = [np.full((1, 16, 16), n, np.uint8) for n in (0, 99, 255)]
        found = encoder(step([*cells, None]))
        assert found.tokens.shape == (4, 1, width)
        assert found.mask.squeeze(1).tolist() == [True, True, True, False]


def test_what_gives_features_is_named_by_all_that_they_depend_on(tiny: Tiny) -> None:
    def name(count: int = 20, prefix: str = "", **options: Any) -> str:
        encoder = Pretrained(str(tiny("bert")), **{"width": 8} | options)
        field = encoder.suited(sm.Text(max_tokens=12, prefix=prefix))
        data = sm.read(rows(count), sm.Schema({"words": field}, {"side": sm.Category()}))
        model = sm.Model(
            sm.Preprocess.fit(data), encoders={"words": encoder},
            fusion=sm.fusion.Concat(width=encoder.width), task=sm.Classify("side"),
        )  # fmt: skip
        return model.extractors()["words"].name

    assert name() == name(width=16) == name(count=30) == name(project=False, width=16)
    assert name() == name(dropout=0.5)
    assert len({name(), name(prefix="no "), name(pool="first")}) == 3


def test_options_are_shown_and_described() -> None:
    encoder = Pretrained("somewhere", width=8, unfreeze_last=2)
    assert encoder.extra_repr() == "Pretrained(source='somewhere', width=8, unfreeze_last=2)"
    again = build(describe(encoder), {"Pretrained": Pretrained})
    assert describe(again) == describe(encoder)
