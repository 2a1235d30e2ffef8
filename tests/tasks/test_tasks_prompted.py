"""Prompts with a place for a column: every row is asked its own question, alone as among others."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

import sensorium as sm
from sensorium import encoders, fusion, tasks
from sensorium.core.errors import PartError
from sensorium.decoders import EncoderDecoder, Sampling
from sensorium.decoders.prompt import columns_of, filled
from sensorium.tasks.teaching import Teaching
from sensorium.tasks.writer import writers_of

transformers = pytest.importorskip("transformers")
Tiny = Callable[[str], Path]
PROMPT = "lovely {asked} bright"
LONG = 6
ASKED = ["quiet slow awful", "bad", "bad", None, "loud mess no one"]
ROWS = [
    {
        "photo": np.random.default_rng(n).integers(0, 256, (16, 16, 3), dtype=np.uint8),
        "asked": asked,
        "said": ("good", "two three", "one", "mess good good", "no")[n],
    }
    for n, asked in enumerate(ASKED)
]


def asking(
    folder: Path, prompt: str = PROMPT, most: int = LONG, reads: Any = None, **options: Any
) -> sm.Model:
    sees = encoders.Pretrained(str(folder), 16, pool="full", project=False)
    decoder = EncoderDecoder(str(folder), prompt=prompt, **options)
    schema = sm.Schema(
        {"photo": sees.suited(sm.Image()), "asked": sm.Text(max_tokens=30)},
        {"said": decoder.suited(sm.Text())},
    )
    return sm.Model(
        sm.Preprocess.fit(sm.read(ROWS, schema)),
        encoders={"photo": sees} | ({} if reads is None else {"asked": reads}),
        fusion=fusion.Mean(16),
        task=tasks.Answer("said", free=True, decoder=decoder, sampling=Sampling(max_tokens=most)),
    ).eval()


def theirs(folder: Path, model: sm.Model, row: int) -> tuple[str, float]:
    """Let transformers write about one row, behind the prompt filled by hand."""
    tokens = Tokenizer.from_file(str(folder / "tokenizer.json"))
    words = PROMPT.replace("{asked}", ASKED[row] or "")
    ids = tokens.encode(words, add_special_tokens=False).ids
    ids = ids if folder.name == "donut" else [1, *ids]
    whole = transformers.VisionEncoderDecoderModel.from_pretrained(folder).eval()
    with torch.no_grad():
        memory = model.encode(model.prep([ROWS[row]]))["photo"].tokens
    found = whole.generate(
        encoder_outputs=transformers.modeling_outputs.BaseModelOutput(memory),
        decoder_input_ids=torch.tensor([ids]), max_new_tokens=LONG, do_sample=False, num_beams=1,
        output_logits=True, return_dict_in_generate=True,
    )  # fmt: skip
    chosen = found.sequences[0, len(ids) :]
    chances = torch.cat(found.logits).softmax(1).gather(1, chosen[:, None])
    return str(tokens.decode(chosen.tolist(), skip_special_tokens=True)), float(chances.prod())


def test_columns_stand_in_braces() -> None:
    assert columns_of("<s>{one}{two words} {one}</s>") == ("one", "two words")
    assert columns_of('plain {} {"a": 1} {b: 2}') == ()
    assert filled("a {b} {c}.", {"b": "{c}"}) == "a {c} ."


@pytest.mark.parametrize("family", ["donut", "trocr"])
@pytest.mark.filterwarnings("ignore")
def test_every_row_is_asked_its_own_question(tiny: Tiny, family: str) -> None:
    folder = tiny(family)
    model = asking(folder)
    ours = [one for (one,) in model.write(*ROWS)]
    for row, one in enumerate(ours):
        text, chance = theirs(folder, model, row)
        assert one.text == text
        assert one.chance == pytest.approx(chance, rel=1e-3)
    ((other,),) = model.write({**ROWS[0], "asked": "bad"})
    assert other.chance != pytest.approx(ours[0].chance, rel=0.01)
    assert model.task.needs == ("asked",)


@pytest.mark.filterwarnings("ignore")
def test_a_prompt_of_nothing_but_a_column_begins_as_the_model_does(tiny: Tiny) -> None:
    model = asking(tiny("donut"), prompt="{asked}")
    assert writers_of(model.task)["said"].decoder.begin == (1,)
    assert len(model.predict(*ROWS)) == len(ROWS)


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(max_tokens=LONG),
        Sampling(beams=3, candidates=2, max_tokens=LONG),
        Sampling(temperature=1.0, candidates=2, max_tokens=LONG, seed=4),
    ],
    ids=str,
)
@pytest.mark.parametrize("prefix", ["", "two three"])
def test_a_row_is_written_alone_as_among_others(
    tiny: Tiny, sampling: Sampling, prefix: str
) -> None:
    model = asking(tiny("donut"))
    many = model.write(*ROWS, sampling=sampling, prefix=prefix)
    for row, found in zip(ROWS, many, strict=True):
        (alone,) = model.write(row, sampling=sampling, prefix=prefix)
        assert [one.text for one in alone] == [one.text for one in found]
        assert [one.chance for one in alone] == pytest.approx([o.chance for o in found], rel=1e-4)
    if sampling == Sampling(max_tokens=LONG):
        for row, (found, *_) in zip(ROWS, many, strict=True):
            assert "".join(model.stream(row, prefix=prefix)).strip() == found.text.strip()


def test_a_row_is_learned_alone_as_among_others(tiny: Tiny) -> None:
    model = asking(tiny("donut"), unfreeze="all").double()
    head = writers_of(model.task)["said"].head
    whole = model.prep(ROWS)
    total = model.task.loss(model(whole), whole)["said"]
    lengths = [len(head.tokens.bare([row["said"]])[0]) + 1 for row in ROWS]
    assert len(set(lengths)) > 1
    parts = []
    for row, length in zip(ROWS, lengths, strict=True):
        batch = model.prep([row])
        features = model(batch)
        assert features.outputs["said"].shape[1] == length
        parts.append(model.task.loss(features, batch)["said"] * length)
    torch.testing.assert_close(total, torch.stack(parts).sum() / sum(lengths))
    asked = {**ROWS[0], "asked": "good"}
    other = model.prep([asked, *ROWS[1:]])
    assert not torch.equal(model.task.loss(model(other), other)["said"], total)


def test_the_column_itself_is_not_looked_at(tiny: Tiny) -> None:
    model = asking(tiny("donut"))
    before = [one.chance for (one,) in model.write(*ROWS)]
    for other in (model, asking(tiny("donut"), reads=encoders.TextCNN(16))):
        with torch.no_grad():
            for weight in (*other.encoders["asked"].parameters(), *other.fusion.absent):
                weight.normal_()
        assert [one.chance for (one,) in other.write(*ROWS)] == pytest.approx(before, rel=1e-5)
    batch = model.prep(ROWS)
    hidden = model.features(batch.without("asked"))
    drafts = writers_of(model.task)["said"].write(hidden)
    unasked = model.write(*({**row, "asked": None} for row in ROWS))
    for (draft,), (one,) in zip(drafts, unasked, strict=True):
        assert math.exp(sum(draft.log_probs)) == pytest.approx(one.chance, rel=1e-5)


def test_a_column_that_the_prompt_repeats_needs_no_encoder(tiny: Tiny, tmp_path: Path) -> None:
    model = asking(tiny("donut"))
    assert list(model.describe()["encoders"]) == ["photo"]
    assert model.names == ("photo", "asked")
    model.save(tmp_path / "model")
    again = sm.load(tmp_path / "model")
    assert again.fingerprint == model.fingerprint
    assert again.predict(*ROWS) == model.predict(*ROWS)
    assert model.embed(*ROWS).shape == (len(ROWS), 16)
    with pytest.raises(PartError, match="'asked' has no encoder"):
        asking(tiny("donut"), prompt="lovely")


@pytest.mark.parametrize("teaching", [Teaching(own=0.5), Teaching(self_critical=0.5)], ids=str)
def test_it_learns_from_its_own_words_too(tiny: Tiny, teaching: Teaching) -> None:
    model = asking(tiny("donut"), unfreeze="all")
    writers_of(model.task)["said"].teaching = teaching
    batch = model.prep(ROWS)
    model.train()
    losses = model.task.loss(model(batch), batch)
    torch.stack(list(losses.values())).sum().backward()
    assert all(bool(loss.isfinite()) for loss in losses.values())


def test_its_own_words_do_not_end_a_text_before_its_end(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = asking(tiny("donut"))
    writer, batch = writers_of(model.task)["said"], model.prep(ROWS)
    plain, scores = model(batch).outputs["said"], writer._scores

    def ending(*args: Any) -> torch.Tensor:
        found = scores(*args)
        if not torch.is_grad_enabled():  # asked for its own words, it always says the end
            found[..., writer.decoder.end] = 1e9
        return found

    monkeypatch.setattr(writer, "_scores", ending)
    writer.teaching, writer.training = Teaching(own=1.0), True
    torch.testing.assert_close(model(batch).outputs["said"], plain)


def test_it_is_trained_judged_saved_and_loaded_without_its_source(
    tiny: Tiny, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny("donut"), tmp_path / "donut")
    model = asking(folder, lora=2)
    table = sm.read(ROWS).with_schema(model.schema)
    plan = sm.Plan(epochs=1, rows_per_step=3, precision="fp32", rate=0.05)
    run = sm.train(model, table, valid=table, plan=plan, quiet=True)
    assert sm.evaluate(run.model, table).targets["said"].metrics
    run.model.save(tmp_path / "model")
    shutil.rmtree(folder)
    assert sm.load(tmp_path / "model").predict(*ROWS) == run.model.predict(*ROWS)


def test_what_cannot_be_asked_is_said(tiny: Tiny) -> None:
    folder = tiny("donut")
    with pytest.raises(PartError, match=r"repeats 'askd', which is no input.*'asked'"):
        asking(folder, prompt="{askd} bright")
    with pytest.raises(PartError, match="no input of text"):
        asking(folder, prompt="{photo} bright", reads=encoders.TextCNN(16))
    words = sm.Schema({"asked": sm.Text()}, {"said": EncoderDecoder(str(folder)).suited(sm.Text())})
    with pytest.raises(PartError, match="repeats all inputs"):
        sm.Model(
            sm.Preprocess.fit(sm.read(ROWS, words)),
            encoders={"asked": encoders.TextCNN(16)},
            fusion=fusion.Mean(16),
            task=tasks.Answer("said", free=True, decoder=EncoderDecoder(str(folder), "{asked}")),
        )
    long = {**ROWS[0], "asked": "bad " * 50}
    with pytest.raises(PartError, match="reads 40 tokens, and there are 52 of"):
        asking(folder).predict(long)


def test_a_text_ends_where_no_room_is_left(tiny: Tiny) -> None:
    folder = tiny("donut")
    model = asking(folder, most=0)
    decoder = writers_of(model.task)["said"].decoder
    decoder.never = (*decoder.never, decoder.end)
    decoder.limit = 100
    rows = [{**ROWS[0], "asked": "bad " * count} for count in (1, 20, 38)]
    found = model.write(*rows)
    assert [len(one.pieces) for (one,) in found] == [38, 19, 1]


@pytest.mark.filterwarnings("ignore")
def test_of_nothing_heard_nothing_is_written_whatever_stands_in_the_prompt(tiny: Tiny) -> None:
    folder = tiny("donut")
    sees = encoders.Pretrained(str(folder), 16, pool="full", project=False)
    decoder = EncoderDecoder(str(folder), prompt=PROMPT)
    schema = sm.Schema(
        {"photo": sees.suited(sm.Image()), "asked": sm.Text(max_tokens=30)},
        {"said": decoder.suited(sm.Text())},
    )
    task = tasks.Transcribe(
        "said", kind="attention", decoder=decoder, sampling=Sampling(max_tokens=LONG)
    )
    model = sm.Model(
        sm.Preprocess.fit(sm.read(ROWS, schema)),
        encoders={"photo": sees}, fusion=fusion.Mean(16), task=task,
    )  # fmt: skip
    decoder.never = (*decoder.never, decoder.end)
    seen, blind = model.write(ROWS[0], {**ROWS[0], "photo": None})
    assert len(seen[0].pieces) == LONG
    assert len(blind[0].pieces) == 0
