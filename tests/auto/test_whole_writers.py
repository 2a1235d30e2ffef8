"""Whole pretrained models that write: they say what ``transformers`` says, and can be tuned."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

import sensorium as sm
from sensorium.core.errors import PartError
from sensorium.encoders.towers import llava
from sensorium.encoders.towers.source import loaded
from sensorium.tasks.writer import writers_of
from sensorium.train.weights import learned
from tiny_models import RATE

transformers = pytest.importorskip("transformers")
Tiny = Callable[[str], Path]
LONG = 6
QUESTIONS = ["lovely bright place", "bad", "no one"]


def picture(seed: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)


def sound(seed: int) -> np.ndarray[Any, Any]:
    draws = np.random.default_rng(seed)
    return (draws.normal(size=RATE // (1 + seed)) * 0.2).astype(np.float32)


ROWS = [
    {"photo": picture(n), "clip": sound(n), "note": QUESTIONS[n], "asked": QUESTIONS[n]}
    for n in range(3)
]
COLUMNS = {
    "whisper-writing": {"audio": "clip"},
    "blip": {"image": "photo"},
    "blip-vqa": {"image": "photo", "question": "asked"},
    "trocr": {"image": "photo"},
    "donut": {"image": "photo"},
    "llava": {"image": "photo", "question": "asked"},
    "t5-writing": {"text": "note"},
    "bart": {"text": "note"},
}


def opened(folder: Path, **options: Any) -> sm.Model:
    options |= {"language": "en"} if "whisper" in folder.name else {}
    columns = COLUMNS[folder.name]
    return sm.pretrained(str(folder), target="said", max_tokens=LONG, **columns, **options)


def pixels(wide: int = 16) -> torch.Tensor:
    seen = torch.stack([torch.from_numpy(row["photo"]).permute(2, 0, 1) for row in ROWS]).float()
    if wide != 16:
        size = (16, wide)
        seen = torch.nn.functional.interpolate(seen, size, mode="bicubic", antialias=True)
    mean, deviation = (torch.tensor(x)[:, None, None] for x in ([0.4, 0.5, 0.6], [0.2, 0.25, 0.3]))
    return (seen.clamp(0, 255) / 255 - mean) / deviation


def theirs(folder: Path) -> list[str]:
    """Let transformers write about the same cells."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    most: dict[str, Any] = {"max_new_tokens": LONG, "do_sample": False, "num_beams": 1}
    match folder.name:
        case "whisper-writing":
            model = transformers.WhisperForConditionalGeneration.from_pretrained(folder)
            hears = transformers.WhisperFeatureExtractor.from_pretrained(folder)
            cells = [row["clip"] for row in ROWS]
            given = hears(cells, sampling_rate=RATE, return_tensors="pt")
            found = model.generate(**given, language="en", task="transcribe", **most)
        case "blip":
            model = transformers.BlipForConditionalGeneration.from_pretrained(folder)
            found = model.generate(pixel_values=pixels(), **most)
        case "blip-vqa":
            model = transformers.BlipForQuestionAnswering.from_pretrained(folder)
            found = []
            for row in range(3):
                ids = torch.tensor([tokenizer.encode(ROWS[row]["asked"]).ids])
                found.append(model.generate(ids, pixels()[[row]], **most)[0])
        case "trocr" | "donut":
            model = transformers.VisionEncoderDecoderModel.from_pretrained(folder)
            found = model.generate(pixel_values=pixels(16 if folder.name == "trocr" else 8), **most)
        case "llava":
            model = transformers.LlavaForConditionalGeneration.from_pretrained(folder)
            found = [_asked(model, tokenizer, row, most) for row in range(3)]
        case _:
            model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder)
            found = []
            for row in ROWS:
                ids = torch.tensor([tokenizer.encode(row["note"]).ids])
                mask = torch.ones_like(ids)
                found.append(model.generate(ids, attention_mask=mask, **most)[0])
    return [tokenizer.decode(list(map(int, row)), skip_special_tokens=True) for row in found]


def _asked(model: Any, tokenizer: Tokenizer, row: int, most: dict[str, Any]) -> Any:
    said = f"USER: {'<image>' * 4}\n{ROWS[row]['asked']} ASSISTANT:"
    ids = torch.tensor([tokenizer.encode(said).ids])
    found = model.generate(
        input_ids=ids, pixel_values=pixels()[[row]], attention_mask=torch.ones_like(ids), **most
    )
    return found[0, ids.shape[1] :]


@pytest.mark.parametrize("family", COLUMNS)
@pytest.mark.filterwarnings("ignore")
def test_it_says_what_transformers_says(tiny: Tiny, family: str) -> None:
    model = opened(tiny(family))
    ours = model.predict(*ROWS)
    assert ours == theirs(tiny(family))
    assert any(ours)
    assert ours == [model.predict(row)[0] for row in ROWS]


@pytest.mark.parametrize(
    "family", ["whisper-writing", "blip", "blip-vqa", "donut", "llava", "t5-writing"]
)
def test_it_is_loaded_without_its_source(tiny: Tiny, tmp_path: Path, family: str) -> None:
    folder = shutil.copytree(tiny(family), tmp_path / family)
    model = opened(folder)
    model.save(tmp_path / "model")
    shutil.rmtree(folder)
    again = sm.load(tmp_path / "model")
    assert again.predict(*ROWS, {}) == model.predict(*ROWS, {})
    assert again.fingerprint == model.fingerprint


@pytest.mark.filterwarnings("ignore")
def test_what_is_one_model_is_loaded_once(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []

    def counted(part: Any, folder: Path) -> Any:
        read.append(part)
        return loaded(part, folder)

    monkeypatch.setattr(llava, "loaded", counted)
    first = opened(tiny("llava"))
    assert len(read) == 1
    again = opened(tiny("llava"))
    assert len(read) == 2
    own = {weight.data_ptr() for weight in first.parameters()}
    assert own.isdisjoint(weight.data_ptr() for weight in again.parameters())
    llava.whole_of(tiny("llava"))
    assert len(read) == 3


@pytest.mark.parametrize("family", ["whisper-writing", "blip", "llava"])
def test_it_is_tuned_with_adapters_and_judged(tiny: Tiny, tmp_path: Path, family: str) -> None:
    model = opened(tiny(family), lora=2)
    rows = [{**ROWS[n % 3], "said": "lovely place" if n % 3 else "bad"} for n in range(6)]
    table = sm.read(rows).with_schema(model.schema)
    plan = sm.Plan(epochs=1, rows_per_step=3, precision="fp32", rate=0.05)
    before = {name: w.clone() for name, w in model.state_dict().items()}
    run = sm.train(model, table, valid=table, plan=plan, quiet=True)
    moved = {n for n, w in model.state_dict().items() if not torch.equal(w, before[n])}
    assert moved
    assert moved <= set(learned(model))
    assert all("lora_" in n or "absent" in n or "fusion" in n for n in moved)
    assert sm.evaluate(run.model, table).targets["said"].metrics
    run.model.save(tmp_path / "model")
    assert sm.load(tmp_path / "model").predict(*ROWS) == run.model.predict(*ROWS)


def test_an_answerer_bears_what_is_missing(tiny: Tiny) -> None:
    model = opened(tiny("blip-vqa"))
    row = ROWS[0]
    rows = [row, {"photo": row["photo"]}, {"asked": "bad"}]
    assert model.predict(*rows) == [model.predict(one)[0] for one in rows]


def test_a_question_for_all_rows_is_a_prompt(tiny: Tiny) -> None:
    folder = tiny("llava")
    model = sm.pretrained(str(folder), image="photo", prompt=QUESTIONS[0], max_tokens=LONG)
    assert model.task.targets == ("answer",)
    asked = opened(folder).predict({**ROWS[0], "asked": QUESTIONS[0]})
    assert model.predict({"photo": ROWS[0]["photo"]}) == asked


PROMPT = "quiet {asked} loud"


@pytest.mark.filterwarnings("ignore")
def test_a_question_stands_in_the_prompt_of_a_page(tiny: Tiny, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny("donut"), tmp_path / "donut")
    tokens = Tokenizer.from_file(str(folder / "tokenizer.json"))
    whole = transformers.VisionEncoderDecoderModel.from_pretrained(folder)
    model = sm.pretrained(
        str(folder), image="photo", question="asked", prompt=PROMPT, max_tokens=LONG
    )
    assert model.task.targets == ("answer",)
    ours = [one for (one,) in model.write(*ROWS)]
    for row, one in enumerate(ours):
        ids = tokens.encode(PROMPT.format(asked=QUESTIONS[row])).ids
        found = whole.generate(
            pixel_values=pixels(8)[[row]], decoder_input_ids=torch.tensor([ids]),
            max_new_tokens=LONG, do_sample=False, num_beams=1, output_logits=True,
            return_dict_in_generate=True,
        )  # fmt: skip
        chosen = found.sequences[0, len(ids) :]
        chances = torch.cat(found.logits).softmax(1).gather(1, chosen[:, None])
        assert one.text == tokens.decode(chosen.tolist())
        assert one.chance == pytest.approx(float(chances.prod()), rel=1e-3)
        ((alone,),) = model.write(ROWS[row])
        assert (alone.text, alone.chance) == (one.text, pytest.approx(one.chance, rel=1e-4))
    assert len({one.chance for one in ours}) == len(ROWS)
    model.save(tmp_path / "model")
    shutil.rmtree(folder)
    assert sm.load(tmp_path / "model").predict(*ROWS, {}) == model.predict(*ROWS, {})


def test_a_question_without_a_place_in_the_prompt_is_refused(tiny: Tiny) -> None:
    for prompt in ("", "lovely {other}"):
        with pytest.raises(PartError, match=r"say where: prompt=.*\{asked\}"):
            sm.pretrained(str(tiny("donut")), image="photo", question="asked", prompt=prompt)
    with pytest.raises(PartError, match="repeats 'other', which is no input"):
        sm.pretrained(str(tiny("donut")), image="photo", prompt="lovely {other}")


def test_what_cannot_be_a_model_that_writes_is_said(tiny: Tiny) -> None:
    with pytest.raises(PartError) as error:
        sm.pretrained(str(tiny("blip")), text="caption")
    assert "image='...'" in str(error.value)
    assert "reads no 'text'" in str(error.value)
    with pytest.raises(PartError, match="column of its question"):
        sm.pretrained(str(tiny("blip-vqa")), image="photo")
    with pytest.raises(PartError, match=r"'bert'.*whisper"):
        sm.pretrained(str(tiny("bert")), text="caption")


def test_whisper_needs_no_language(tiny: Tiny) -> None:
    folder = tiny("whisper-writing")
    model = sm.pretrained(str(folder), audio="clip", target="said", max_tokens=LONG)
    whole = transformers.WhisperForConditionalGeneration.from_pretrained(folder).eval()
    hears = transformers.WhisperFeatureExtractor.from_pretrained(folder)
    cells = hears([row["clip"] for row in ROWS], sampling_rate=RATE, return_tensors="pt")
    found = whole.generate(
        **cells, task="transcribe", max_new_tokens=LONG, do_sample=False, num_beams=1
    )
    tokens = Tokenizer.from_file(str(folder / "tokenizer.json"))
    told = [tokens.decode(row.tolist(), skip_special_tokens=True) for row in found]
    assert model.predict(*ROWS) == told


def test_telling_the_language_costs_training_no_look_at_the_sound(tiny: Tiny) -> None:
    folder = tiny("whisper-writing")
    rows = [row | {"said": "lovely place"} for row in ROWS]
    looks: list[int] = []

    def noted(*_: Any) -> None:
        looks.append(1)

    for language in ("", "en"):
        model = sm.pretrained(
            str(folder), audio="clip", target="said", max_tokens=LONG, lora=2, language=language
        ).train()
        network = writers_of(model.task)["said"].decoder.network
        layers = network.model.decoder.layers
        for layer in layers:
            layer.encoder_attn.k_proj.register_forward_hook(noted)
        batch = model.prep(rows)
        model.task.loss(model(batch), batch)["said"].backward()
        assert len(looks) == len(layers)
        looks.clear()


@pytest.mark.parametrize(("language", "score"), [("en", "wer"), ("zh", "cer")])
def test_chinese_is_judged_by_characters(tiny: Tiny, language: str, score: str) -> None:
    folder = str(tiny("whisper-writing"))
    model = sm.pretrained(folder, audio="clip", target="text", language=language)
    assert model.task.heads["text"].primary == score
