"""A language model as decoder: it writes what ``transformers`` writes, and learns what it may."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import sensorium as sm
from sensorium import encoders, fusion, tasks
from sensorium.compare import part_of
from sensorium.core.errors import PartError
from sensorium.core.schema import Text
from sensorium.decoders import LanguageModel, Sampling, write
from sensorium.preprocess.steps import target_step_for
from sensorium.train.optimisers import paces_of
from sensorium.train.weights import learned
from tiny_models import WORDS

transformers = pytest.importorskip("transformers")
Tiny = Callable[[str], Path]
FAMILIES = ["llama", "gpt2", "qwen2", "bloom", "gemma2"]
TEXTS = ("lovely bright place", "bad", "quiet slow awful loud mess no one two")
MASK = torch.tensor([[1, 1, 1, 1], [0, 1, 0, 0], [1, 1, 0, 1]], dtype=torch.bool)


def ready(folder: Path, width: int = 8, **options: Any) -> LanguageModel:
    decoder = LanguageModel(str(folder), **options)
    step = target_step_for(decoder.suited(Text(max_tokens=12)))
    decoder.setup(width, step.fit([(text,) for text in TEXTS]).layout)
    return decoder.eval()


def seen(width: int = 8) -> Tensor:
    return torch.randn(3, 4, width, generator=torch.Generator().manual_seed(1))


def texts_of(decoder: LanguageModel) -> Tensor:
    """Give three beginnings of five tokens each."""
    ids = torch.randint(4, 18, (3, 5), generator=torch.Generator().manual_seed(2))
    return torch.cat([torch.tensor([decoder.begin] * 3), ids], 1)


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_steps_give_what_is_scored_at_once(tiny: Tiny, family: str) -> None:
    decoder = ready(tiny(family), prompt="good place")
    tokens, marks = texts_of(decoder), len(decoder.begin)
    whole = decoder(seen(), MASK, tokens)
    state = decoder.start(seen(), MASK)
    steps = [decoder.step(tokens[:, :marks], state)]
    steps += [decoder.step(tokens[:, n : n + 1], state) for n in range(marks, tokens.shape[1])]
    assert state.steps == tokens.shape[1]
    torch.testing.assert_close(torch.stack(steps, 1), whole[:, marks - 1 :])


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_padding_and_neighbours_change_nothing(tiny: Tiny, family: str) -> None:
    decoder = ready(tiny(family))
    tokens = texts_of(decoder)
    whole = decoder(seen(), MASK, tokens)
    assert bool(whole.isfinite().all())
    for row in range(3):
        alone = decoder(
            seen()[row : row + 1, MASK[row]], MASK[row : row + 1, MASK[row]], tokens[[row]]
        )
        torch.testing.assert_close(alone[0], whole[row])
    drafts = write(decoder, seen(), MASK, Sampling(beams=3, max_tokens=6))
    for row in range(3):
        one = write(decoder, seen()[[row]], MASK[[row]], Sampling(beams=3, max_tokens=6))
        assert one[0][0].ids == drafts[row][0].ids


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_it_writes_what_transformers_writes(tiny: Tiny, family: str) -> None:
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tiny(family)).eval()
    width = theirs.get_input_embeddings().weight.shape[1]
    decoder = ready(tiny(family), width, projector="none", prompt="lovely bad")
    drafts = write(decoder, seen(width), MASK, Sampling(max_tokens=8))
    words = theirs.get_input_embeddings()
    for row, (draft,) in enumerate(drafts):
        parts = [
            words(torch.tensor(list(ids), dtype=torch.long))
            for ids in (decoder.before, decoder.begin)
        ]
        given = torch.cat([parts[0], seen(width)[row, MASK[row]], parts[1]])[None]
        found = theirs.generate(
            inputs_embeds=given, attention_mask=torch.ones(given.shape[:2], dtype=torch.long),
            max_new_tokens=8, do_sample=False, pad_token_id=0,
        )[0].tolist()  # fmt: skip
        stops = [n for n, i in enumerate(found) if i in decoder.ends]
        assert list(draft.ids) == found[: stops[0] if stops else len(found)]


def test_rows_can_be_taken_again_and_leave_the_others(tiny: Tiny) -> None:
    decoder = ready(tiny("llama"))
    tokens = texts_of(decoder)
    with torch.no_grad():
        state = decoder.start(seen(), MASK)
        waiting = state.select(torch.tensor([2, 2]))
        decoder.step(tokens, state)
        decoder.step(tokens[[2, 2]], waiting)
        taken = state.select(torch.tensor([1, 0, 1]))
        more = torch.tensor([[5], [6], [7]])
        found = decoder.step(more, taken)
        torch.testing.assert_close(found[0], decoder.step(more[[0, 0, 0]], state)[1])
        alone = decoder.start(seen()[[2]], MASK[[2]])
        decoder.step(tokens[[2]], alone)
        twice = decoder.step(more[:2], waiting)
        torch.testing.assert_close(twice[:1], decoder.step(more[:1], alone))


@pytest.mark.parametrize(
    ("options", "moving"),
    [({}, set()), ({"lora": 2}, {"lora_A", "lora_B"}), ({"unfreeze": "all"}, {"all"})],
    ids=["frozen", "lora", "all"],
)
def test_slopes_reach_what_is_trained_alone(tiny: Tiny, options: Any, moving: set[str]) -> None:
    decoder = ready(tiny("llama"), **options).train()
    decoder(seen(), MASK, texts_of(decoder)).square().sum().backward()
    given = {name for name, w in decoder.network.named_parameters() if w.grad is not None}
    kinds = {"all"} if moving == {"all"} else {n.split(".")[-3] for n in given}
    assert kinds == moving
    assert bool(given) == bool(moving)
    assert all(w.grad is not None and w.grad.abs().sum() > 0 for w in decoder.project.parameters())
    kept = {name for name in learned(decoder) if name.startswith("network.")}
    trained = {f"network.{n}" for n, w in decoder.network.named_parameters() if w.requires_grad}
    assert kept == trained
    assert set(paces_of(decoder)) == trained
    assert decoder.network.training == bool(moving)


def test_adapters_stand_beside_layers_whose_weights_are_turned(tiny: Tiny) -> None:
    decoder = ready(tiny("gpt2"), lora=2).train()
    decoder(seen(), MASK, texts_of(decoder)).square().sum().backward()
    given = {n for n, w in decoder.network.named_parameters() if w.grad is not None}
    assert {name.split(".")[-3] for name in given} == {"lora_A", "lora_B"}
    assert any("c_attn" in name for name in given)


def test_a_prompt_and_a_chat_stand_around_what_was_seen(tiny: Tiny, tmp_path: Path) -> None:
    ids = {word: 4 + place for place, word in enumerate(WORDS)}
    plain = ready(tiny("llama"), prompt="lovely place")
    assert (plain.before, plain.begin) == ((1,), (ids["lovely"], ids["place"]))
    assert (ready(tiny("llama")).before, ready(tiny("llama")).begin) == ((), (1,))
    folder = shutil.copytree(tiny("llama"), tmp_path / "chat")
    template = "{% for m in messages %}good {{ m['content'] }} bad{% endfor %} no one"
    (folder / "chat_template.jinja").write_text(template)
    chat = ready(folder, prompt="lovely place", chat=True)
    assert chat.before == (ids["good"],)
    assert chat.begin == tuple(ids[w] for w in ("lovely", "place", "bad", "no", "one"))
    with pytest.raises(PartError, match="chat=False"):
        ready(tiny("llama"), chat=True)


def test_several_ends_are_one(tiny: Tiny) -> None:
    decoder = ready(tiny("qwen2"))
    assert (decoder.end, decoder.never, decoder.ends) == (2, (3,), (2, 3))
    with torch.no_grad():
        found = decoder(seen(), MASK, texts_of(decoder))
    assert bool((found[..., 2] >= found[..., 3]).all())


def test_what_cannot_be_a_language_model_is_said(tiny: Tiny, tmp_path: Path) -> None:
    for family, said in (
        ("bert", "sees the words that come after"),
        ("t5", "no language model"),
        ("vit", "no language model"),
        ("mamba", "only attention's keys"),
    ):
        with pytest.raises(PartError, match=said):
            ready(tiny(family))
    with pytest.raises(PartError) as error:
        LanguageModel("x", lora=-1, unfreeze="all", pace=0.0, dropout=1.0)
    assert all(name in str(error.value) for name in ("dropout", "lora", "pace"))
    with pytest.raises(PartError, match="exclude each other"):
        LanguageModel("x", lora=1, unfreeze="all")
    with pytest.raises(PartError, match="16 features, the width is 8"):
        ready(tiny("llama"), projector="none")
    with pytest.raises(PartError, match=r"Text\(tokenizer="):
        LanguageModel(str(tiny("llama"))).setup(8, target_step_for(Text()).fit([("a",)]).layout)
    folder = shutil.copytree(tiny("llama"), tmp_path / "endless")
    config = json.loads((folder / "config.json").read_text()) | {"eos_token_id": None}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").unlink()
    with pytest.raises(PartError, match="eos_token_id"):
        ready(folder)
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(PartError, match="pickle only"):
        ready(folder)


def test_more_than_it_can_read_is_said(tiny: Tiny) -> None:
    decoder = ready(tiny("llama"))
    many = torch.zeros(1, 70, 8)
    with pytest.raises(PartError, match="reads 64 tokens, and there are 70 of what is seen and 2"):
        decoder.start(many, torch.ones(1, 70, dtype=torch.bool))


@pytest.mark.parametrize("beams", [1, 2])
def test_each_row_is_cut_where_the_model_can_read_no_more(tiny: Tiny, beams: int) -> None:
    decoder = ready(tiny("llama"))  # it reads 64 tokens
    decoder.limit = decoder.positions
    long = torch.randn(2, 60, 8, generator=torch.Generator().manual_seed(1))
    mask = torch.ones(2, 60, dtype=torch.bool)
    mask[1, :50] = False
    decoder.ends, decoder.never = (decoder.end,), (decoder.end,)  # it never ends
    way = Sampling(beams=beams)
    both = write(decoder, long, mask, way)
    seen_by = [60 + len(decoder.before), 10 + len(decoder.before)]
    left = [64 - seen - len(decoder.begin) for seen in seen_by]
    assert [len(row[0].ids) for row in both] == left
    assert not any(draft.ended for row in both for draft in row)
    for row in range(2):
        (alone,) = write(decoder, long[[row]], mask[[row]], way)
        assert alone[0].ids == both[row][0].ids
    prefix = torch.full((2, 2), 5)
    room = [len(row[0].ids) for row in write(decoder, long, mask, way, prefix)]
    assert room == [n - 2 for n in left]
    with pytest.raises(PartError, match="reads 64 tokens, and there are"):
        write(decoder, long, mask, way, torch.full((2, 9), 5))
    with pytest.raises(PartError, match=r"reads 64 tokens, and there are .* shorter texts"):
        decoder(long, mask, torch.full((2, 9), 5))


@torch.no_grad()
def test_a_row_has_its_own_room_whatever_the_others_need(tiny: Tiny) -> None:
    decoder = ready(tiny("gpt2"))  # it reads 64 tokens
    long = torch.randn(2, 60, 8, generator=torch.Generator().manual_seed(1))
    mask = torch.ones(2, 60, dtype=torch.bool)
    mask[1, :50] = False
    tokens = torch.full((2, 12), decoder.end)  # ends behind the first row's text
    tokens[0, :3], tokens[1] = 5, 6
    both = decoder(long, mask, tokens)
    torch.testing.assert_close(both[:1, :3], decoder(long[:1], mask[:1], tokens[:1, :3]))
    torch.testing.assert_close(both[1:], decoder(long[1:], mask[1:], tokens[1:]))


def model_of(decoder: LanguageModel) -> tuple[sm.Model, sm.Table]:
    rows = [
        {"x": float(n), "y": float(-n), "says": None if n == 3 else TEXTS[n % 3]} for n in range(12)
    ]
    says = decoder.suited(Text(max_tokens=12))
    schema = sm.Schema({"x": sm.Number(), "y": sm.Number()}, {"says": says})
    table = sm.read(rows, schema)
    model = sm.Model(
        sm.Preprocess.fit(table),
        encoders={name: encoders.Numbers(width=8) for name in ("x", "y")},
        fusion=fusion.Mean(width=8),
        task=tasks.Caption("says", decoder=decoder, sampling=Sampling(max_tokens=5)),
    )
    return model, table


@pytest.mark.parametrize(
    "options", [{}, {"lora": 2, "projector": "linear"}], ids=["frozen", "lora"]
)
def test_it_learns_and_is_loaded_without_its_source(
    tiny: Tiny, tmp_path: Path, options: Any
) -> None:
    folder = shutil.copytree(tiny("llama"), tmp_path / "source")
    model, table = model_of(LanguageModel(str(folder), **options))
    network = model.task.body.decoder.network  # type: ignore[union-attr]
    before = {name: w.clone() for name, w in network.state_dict().items()}
    plan = sm.Plan(epochs=2, rows_per_step=4, precision="fp32", ema=0.9, rate=0.01)
    run = sm.train(model, table, valid=table, plan=plan, quiet=True, out=tmp_path / "run")
    moved = {n for n, w in network.state_dict().items() if not torch.equal(w, before[n])}
    assert all("lora" in name for name in moved)
    assert bool(moved) == ("lora" in options)
    kept = load_file(next((tmp_path / "run").rglob("checkpoint-*/weights.safetensors")))
    assert not any("embed_tokens" in name for name in kept)
    run.model.save(tmp_path / "model")
    shutil.rmtree(folder)
    again = sm.load(tmp_path / "model")
    rows = [{"x": 1.0}, {"y": 2.0}, {}]
    assert again.predict(*rows) == run.model.predict(*rows)
    batch = model.prep([{"x": 1.0, "says": "bad"}])
    ours, theirs = run.model.features(batch), again.features(batch)
    assert torch.equal(ours.outputs["says"], theirs.outputs["says"])
    assert again.fingerprint == run.model.fingerprint


def test_a_part_of_a_model_keeps_the_frozen_decoder(tiny: Tiny, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny("llama"), tmp_path / "source")
    model, _ = model_of(LanguageModel(str(folder)))
    shutil.rmtree(folder)
    part = part_of(model, ["x"])
    own, whole = (m.task.body.decoder.network.state_dict() for m in (part, model))  # type: ignore[union-attr]
    assert all(torch.equal(own[name], whole[name]) for name in whole)


def test_half_precision_weights_are_read_as_whole_numbers(tiny: Tiny, tmp_path: Path) -> None:
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tiny("llama"))
    folder = shutil.copytree(tiny("llama"), tmp_path / "half")
    theirs.to(torch.bfloat16).save_pretrained(folder)
    decoder = ready(folder)
    assert {w.dtype for w in decoder.parameters()} == {torch.float32}
