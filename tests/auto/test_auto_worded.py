"""The one line for words: the task that a text asks for, fields that cut nothing, rows together."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import sensorium as sm
from mixed_table import draw_photo
from sensorium.auto.worded import kinds_for, worded
from sensorium.config import parse_plan
from sensorium.core.errors import PartError
from sensorium.core.schema import Audio, Category, Image, Number, Schema, Text
from sensorium.data import read
from sensorium.decoders import TextDecoder
from sensorium.encoders import ConvNet, Speech
from sensorium.tasks import Answer, Caption, Classify, Describe, Several, Teaching, Transcribe
from sensorium.tasks.listener import listeners_of
from written_models import note_rows

FAST: dict[str, Any] = {"epochs": 1, "quiet": True, "out": None, "quality": "fast"}
WORDS = ("red", "blue", "green", "small", "large", "old", "round", "flat", "far", "near")


def sentence(rng: np.random.Generator) -> str:
    return " ".join(rng.choice(WORDS, 5)) + f" thing {rng.integers(10_000)}"


def small() -> TextDecoder:
    return TextDecoder(depth=1, heads=2)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Forty pictures; every second one recurs with another caption."""
    folder, rng = tmp_path_factory.mktemp("shown"), np.random.default_rng(0)
    rows = []
    for number in range(30):
        file = folder / f"{number}.png"
        draw_photo(file, "glad", rng)
        rows += [{"photo": str(file), "said": sentence(rng)} for _ in range(1 + number % 2)]
    return rows


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Sounds of 0.2 s and one of 0.4 s, in which few words are said, or many letters."""
    folder, rng = tmp_path_factory.mktemp("heard"), np.random.default_rng(0)
    rows = []
    for number in range(40):
        file = folder / f"{number}.wav"
        soundfile.write(file, rng.normal(0, 0.1, 1_600 if number else 3_200), 8_000)
        rows.append({"clip": str(file), "few": str(rng.choice(["yes", "no"])),
                     "Many": f"{sentence(rng)} {rng.integers(10_000)}"})  # fmt: skip
    return rows


def test_a_caption_is_learned_from_rows() -> None:
    run = sm.fit(note_rows(40), task=Caption("note", decoder=small()), **FAST)
    assert isinstance(run.model.task, Caption)
    assert isinstance(run.model.predict({"colour": "red", "count": 1})[0], str)
    field = run.model.schema.targets["note"]
    assert isinstance(field, Text)
    assert field.max_tokens >= len("three blue cubes 😀".encode())
    assert run.report is not None
    assert "cider_d" in run.report.targets["note"].metrics
    assert "note: texts of byte-level BPE, none cut" in run.report.choices


def test_lists_of_texts_are_several_references() -> None:
    rows = [{**row, "note": ["a b", "c d e"]} for row in note_rows(30)]
    run = sm.fit(rows, task=Caption("note", decoder=small()), **FAST)
    assert run.report is not None
    assert run.report.targets["note"].rows == 3


def test_a_text_alone_chooses_who_writes_it(
    shown: list[dict[str, Any]], heard: list[dict[str, Any]]
) -> None:
    fields = {"image": Image(size=8), "audio": Audio(rate=8_000), "number": Number()}
    chosen = {
        ("image",): Caption, ("audio",): Transcribe, ("number",): Describe,
        ("image", "number"): Describe, ("audio", "image"): Describe,
    }  # fmt: skip
    rows = [{"image": a["photo"], "audio": b["clip"], "number": 1.0, "said": a["said"]}
            for a, b in zip(shown, heard, strict=False)]  # fmt: skip
    for kinds, task in chosen.items():
        schema = Schema({kind: fields[kind] for kind in kinds}, {"said": Text()})
        found = worded(schema, None, read(rows), None)
        assert type(found.task) is task
    assert (
        worded(Schema({"number": Number()}, {"y": Category()}), None, read(rows), None).task is None
    )
    two = Schema({"number": Number()}, {"said": Text(), "image": Text()})
    assert worded(two, None, read(rows), None).task is None


def test_a_target_that_is_text_is_captioned(shown: list[dict[str, Any]]) -> None:
    small_eyes = {"photo": ConvNet(width=16, stages=(4,))}
    run = sm.fit(shown, "said", encoders=small_eyes, **FAST)
    assert isinstance(run.model.task, Caption)
    assert run.report is not None
    said = " ".join(run.report.choices)
    assert "rows of one photo stay together, for its cells recur" in said


def test_rows_of_one_picture_stay_together(shown: list[dict[str, Any]]) -> None:
    schema = Schema({"photo": Image(size=8)}, {"said": Text()})
    assert worded(schema, None, read(shown), None).group == "photo"
    assert worded(schema, None, read(shown[:1] + shown[3:4]), None).group is None
    own = Schema({"photo": Image(size=8)}, {"said": Text()}, group="painter")
    found = worded(own, None, read([{**row, "painter": 1} for row in shown]), None)
    assert found.schema.group == "painter"
    assert found.group == "painter"


def test_sounds_are_heard_whole(heard: list[dict[str, Any]]) -> None:
    run = sm.fit(heard, "Many", inputs=["clip"], kinds={"Many": Text()}, encoders={
        "clip": Speech(16, depth=1, channels=4, mels=8)}, **FAST)  # fmt: skip
    assert isinstance(run.model.task, Transcribe)
    field = run.model.schema.inputs["clip"]
    assert isinstance(field, Audio)
    assert field.whole
    assert field.seconds == pytest.approx(0.6, abs=0.1)
    assert sm.transcribe(run.model, heard[0]["clip"]).notes == ()


def test_few_words_are_heard_word_by_word_and_many_letter_by_letter(
    heard: list[dict[str, Any]],
) -> None:
    schema = Schema({"clip": Audio(rate=8_000)}, {"few": Text()})
    few = worded(schema, Transcribe("few"), read(heard), None).schema
    assert few.targets["few"].tokenizer == "words"  # type: ignore[attr-defined]
    schema = Schema({"clip": Audio(rate=8_000)}, {"Many": Text()})
    many = worded(schema, Transcribe("Many"), read(heard), None).schema
    assert many.targets["Many"].tokenizer == "characters"  # type: ignore[attr-defined]
    assert many.targets["Many"].lowercase  # type: ignore[attr-defined]
    attends = worded(schema, Transcribe("Many", kind="attention"), read(heard), None).schema
    assert attends.targets["Many"].tokenizer == "bpe"  # type: ignore[attr-defined]


def test_texts_too_long_for_their_sounds_are_named(
    heard: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{**row, "said": "ab" if n % 10 else "far too long"} for n, row in enumerate(heard)]
    schema = Schema({"clip": Audio(rate=8_000)}, {"said": Text(tokenizer="characters")})
    ears = {"clip": Speech(16, depth=1, channels=4, mels=8)}  # 0.2 s are 20 frames, and 5 steps
    run = sm.fit(rows, task=Transcribe("said"), schema=schema, valid=rows[:9], test=rows[:9],
                 encoders=ears, **{**FAST, "quiet": False, "epochs": 2})  # fmt: skip
    (note,) = run.history[0]["notes"]
    assert note == (
        "said: 4 training rows taught nothing, for a text has more tokens than its sound has "
        "steps (rows 0, 10, 20, 30): take more steps, Speech(step=2), or shorten the texts"
    )
    assert "notes" not in run.history[1]
    assert run.report is not None
    assert note in run.report.notes
    assert note in capsys.readouterr().err


def test_a_plan_s_language_is_learned_kept_and_resumed(
    heard: list[dict[str, Any]], tmp_path: Path
) -> None:
    table = tmp_path / "heard.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in heard))
    said = {
        "table": {"source": str(table), "inputs": ["clip"]},
        "task": {"part": "Transcribe", "target": "few", "beams": 4, "language": "rows"},
        "encoders": {"clip": {"part": "Speech", "width": 16, "depth": 1, "channels": 4, "mels": 8}},
    }
    run = sm.fit(**parse_plan(said).keywords(), epochs=1, quiet=True, out=tmp_path / "run")
    (listener,) = listeners_of(run.model.task).values()
    assert listener.language is not None
    assert listener.language.words == ("</s>", "<s>", "<unk>", "no", "yes")
    again = sm.load(tmp_path / "run" / "model")
    assert again.predict(*heard[:4]) == run.model.predict(*heard[:4])
    assert again.fingerprint == run.model.fingerprint
    resumed = sm.resume(tmp_path / "run", quiet=True)
    assert resumed.model.fingerprint == run.model.fingerprint


def test_what_the_user_gave_stays(heard: list[dict[str, Any]]) -> None:
    own = {"Many": Text(max_tokens=90, tokenizer="words"), "clip": Audio(rate=8_000, seconds=2.0)}
    schema = Schema({"clip": own["clip"]}, {"Many": own["Many"]})
    found = worded(schema, Transcribe("Many"), read(heard), own).schema
    assert found.fields == own
    run = sm.fit(heard, task=Transcribe("Many"), schema=schema, encoders={
        "clip": Speech(16, depth=1, channels=4, mels=8)}, **FAST)  # fmt: skip
    assert run.model.schema.targets["Many"] == own["Many"]
    assert run.model.schema.inputs["clip"].seconds == 2.0  # type: ignore[attr-defined]


def test_answers_are_chosen_or_written_as_the_target_is() -> None:
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = [
        {"x": float(n % 2), "yes": "ab"[n % 2], "free": sentence(rng)} for n in range(40)
    ]
    schema = Schema({"x": Number()}, {"yes": Category(), "free": Text()})
    given = Answer("free", decoder=small(), teaching=Teaching(own=0.1))
    found = worded(schema, given, read(rows), None)
    assert isinstance(found.task, Answer)
    assert found.task.free
    assert found.task.decoder is given.decoder
    assert found.task.teaching == given.teaching
    assert found.schema.targets["free"].vocabulary == 4_000  # type: ignore[attr-defined]
    closed = Answer("yes")
    assert worded(schema, closed, read(rows), None).task is closed
    run = sm.fit(rows, task=Answer("free", decoder=small()), inputs=["x"], **FAST)
    head = run.model.task.heads["free"]
    assert (head.form, head.primary) == ("texts", "exact_match")


def test_several_tasks_are_sized_each_as_its_own(heard: list[dict[str, Any]]) -> None:
    rows = [{**row, "told": "yes indeed" if n % 2 else "not at all"} for n, row in enumerate(heard)]
    schema = Schema({"clip": Audio(rate=8_000)}, {"few": Text(), "told": Text()})
    task = Several(Transcribe("few"), Answer("told"), weights=[1.0, 0.5])
    found = worded(schema, task, read(rows), None)
    assert isinstance(found.task, Several)
    assert found.task.weights == [1.0, 0.5]
    heard_by, answered = found.task.tasks
    assert heard_by is task.tasks[0]
    assert isinstance(answered, Answer)
    assert answered.free
    fields = found.schema.fields
    assert (fields["few"].tokenizer, fields["told"].tokenizer) == ("words", "bpe")  # type: ignore[attr-defined]
    assert fields["clip"].whole  # type: ignore[attr-defined]
    plain = Several(Classify("few"), Caption("told"))
    assert worded(schema, plain, read(rows), None).task is plain


def test_kinds_follow_from_the_task() -> None:
    assert kinds_for(None, {"x": Number()}) == {"x": Number()}
    assert kinds_for(Caption("y"), None) == {"y": Text()}
    assert kinds_for(Caption("y"), {"y": Text(max_tokens=7)}) == {"y": Text(max_tokens=7)}
    assert kinds_for(Answer("y"), None) == {}
    assert kinds_for(Several(Classify("a"), Describe("b")), None) == {"b": Text()}


def test_ctc_over_several_columns_is_refused(heard: list[dict[str, Any]]) -> None:
    with pytest.raises(PartError, match="CTC reads one column"):
        sm.fit(heard, task=Transcribe("Many"), **FAST)
