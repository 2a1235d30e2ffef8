"""Long recordings written down by a model that knows three tones, with the time of each."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import soundfile
import torch
import torch.nn.functional as F

from sensorium.auto import listen
from sensorium.auto.listen import Transcript, transcribe
from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.errors import CellError, PartError, TableError
from sensorium.core.schema import Audio, Schema, Text
from sensorium.data import read
from sensorium.decoders import Heard, LSTMDecoder
from sensorium.encoders import Encoder
from sensorium.encoders.encoder import as_encoded
from sensorium.fusion import Early, Mean
from sensorium.media.windows import Window
from sensorium.model import Model, load
from sensorium.preprocess import Preprocess, target_step_for
from sensorium.preprocess.tokens import Tokens
from sensorium.tasks import Transcribe
from sensorium.tasks.listener import listeners_of
from sensorium.tasks.timing import timed
from written_models import note_model, note_table

RATE = 4_000
PITCHES = {"lo": 300.0, "mid": 700.0, "hi": 1_400.0}
SECONDS, PAUSE = 0.2, 0.15
Sound = Any


class Tones(Encoder):
    """Tells in steps of 20 ms which tone sounds, or none: ears that need not learn."""

    kinds: ClassVar[frozenset[str]] = frozenset({"audio"})

    def setup(self, layout: Layout) -> None:
        self.size = round(0.02 * layout.rate)
        self.pitches = list(PITCHES.values())

    def encode(self, column: Column) -> Encoded:
        steps = -(-column.values.shape[1] // self.size)
        missing = steps * self.size - column.values.shape[1]
        sound = F.pad(column.values, (0, missing)).view(-1, steps, self.size)
        mask = F.pad(column.mask, (0, missing)).view(-1, steps, self.size).any(2)
        time = torch.arange(self.size) / RATE
        waves = torch.exp(2j * torch.pi * torch.tensor(self.pitches)[:, None] * time)
        loud = (sound.to(waves.dtype) @ waves.T).abs() / self.size
        silence = torch.full_like(loud[:, :, :1], 0.05)
        tokens = F.one_hot(torch.cat([silence, loud], 2).argmax(2), self.width)
        return as_encoded(tokens.to(column.values.dtype), mask, column)


def spoken(words: list[str], seed: int = 0) -> tuple[Sound, list[float]]:
    """Play a tone a word, a pause before each and behind all; gives when each begins, too."""
    rng = np.random.default_rng(seed)
    parts: list[Sound] = []
    starts, done = [], 0
    for word in [*words, ""]:
        parts.append(rng.uniform(-2e-4, 2e-4, int(PAUSE * RATE * rng.uniform(0.8, 1.2))))
        done += len(parts[-1])
        if word:
            time = np.arange(int(SECONDS * RATE)) / RATE
            starts.append(done / RATE)
            parts.append(0.5 * np.sin(2 * np.pi * PITCHES[word] * time))
            done += len(time)
    return np.concatenate(parts).astype(np.float32), starts


def rows_of(count: int, seed: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        words = [str(word) for word in rng.choice(list(PITCHES), int(rng.integers(1, 5)))]
        rows.append({"clip": spoken(words, seed + number)[0], "said": " ".join(words)})
    return rows


def model_of(task: Transcribe, policy: Any = "absent", seconds: float = 2.0) -> Model:
    schema = Schema(
        {"clip": Audio(rate=RATE, seconds=seconds, whole=True)},
        {"said": Text(tokenizer="words", vocabulary=300)},
    )
    table = read(rows_of(24, 0)).with_schema(schema)
    prep = Preprocess.fit(table, damaged=policy)
    model = Model(prep, encoders={"clip": Tones(8)}, fusion=Mean(8), task=task, seed=1)
    return tuned(model.eval())


def tuned(model: Model) -> Model:
    """Tell the listener which word each tone is."""
    for listener in listeners_of(model.task).values():
        with torch.no_grad():
            listener.ctc.out.weight.zero_()
            listener.ctc.out.bias.zero_()
            listener.ctc.out.weight[listener.ctc.blank, 0] = 4.0
            for place, word in enumerate(PITCHES, 1):
                (token,) = listener.head.tokens.bare([word])[0]
                listener.ctc.out.weight[token, place] = 4.0
    return model


@pytest.fixture(scope="module")
def hearer() -> Model:
    """A model that hears the tones."""
    return model_of(Transcribe("said"))


def test_it_hears_the_tones(hearer: Model) -> None:
    rows = rows_of(10, 500)
    found = hearer.predict(*({"clip": row["clip"]} for row in rows))
    assert found == [row["said"] for row in rows]


def test_a_language_is_saved_with_the_model(tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("lo hi\nlo hi mid\n")
    model = model_of(Transcribe("said", beams=4, language=str(file), language_weight=2.0))
    listener = listeners_of(model.task)["said"]
    with torch.no_grad():  # what sounds high is as likely to be "mid"
        high, mid = (listener.head.tokens.bare([word])[0][0] for word in ("hi", "mid"))
        listener.ctc.out.weight[mid] += listener.ctc.out.weight[high]
    rows = [{"clip": spoken(words)[0]} for words in (["lo", "hi"], ["lo", "hi", "mid"])]
    assert model.predict(*rows) == ["lo hi", "lo hi mid"]
    model.save(tmp_path / "model")
    file.unlink()
    again = load(tmp_path / "model", parts={"Tones": Tones})
    assert again.predict(*rows) == model.predict(*rows)
    assert listener.language is not None
    assert again.task.state() == model.task.state()
    kept = listeners_of(again.task)["said"].language.model  # type: ignore[union-attr]
    assert kept.log_prob("lo mid") == listener.language.model.log_prob("lo mid")  # type: ignore[union-attr]


def test_a_long_recording_has_every_word_at_its_time(hearer: Model) -> None:
    rng = np.random.default_rng(3)
    words = [str(word) for word in rng.choice(list(PITCHES), 40)]
    sound, starts = spoken(words, 9)
    seconds: list[float] = []
    found = transcribe(hearer, sound, on_window=seconds.append)
    assert found.text == " ".join(words)
    assert [word.text for word in found.words] == words
    assert found.notes == ()
    for word, start in zip(found.words, starts, strict=True):
        assert word.start == pytest.approx(start, abs=0.025)
        assert word.end == pytest.approx(start + SECONDS, abs=0.025)
        assert word.start < word.end
        assert 0 < word.confidence <= 1
    assert seconds == sorted(seconds)
    assert seconds[-1] == pytest.approx(len(sound) / RATE)


def test_a_short_recording_is_what_the_model_predicts(hearer: Model) -> None:
    sound, _ = spoken(["lo", "hi", "mid"])
    assert transcribe(hearer, sound).text == hearer.predict({"clip": sound})[0] == "lo hi mid"
    said = {"array": np.repeat(sound, 2), "sampling_rate": 2 * RATE}
    assert transcribe(hearer, said).text == "lo hi mid"


@pytest.mark.parametrize("policy", ["absent", "skip", "error"])
def test_silence_gives_nothing_and_is_noted(policy: str) -> None:
    """Whatever the model does with damaged cells of a table."""
    model = model_of(Transcribe("said"), policy)
    silent = np.random.default_rng(0).uniform(-2e-4, 2e-4, 5 * RATE).astype(np.float32)
    found = transcribe(model, silent)
    assert (found.text, found.words) == ("", ())
    assert found.notes[0].startswith("from 0.0 s: a silent recording")
    sound, _ = spoken(["lo", "hi"])
    found = transcribe(model, np.concatenate([silent, sound]))
    assert found.text == "lo hi"
    assert [word.text for word in found.words] == ["lo", "hi"]
    assert found.words[0].start == pytest.approx(5 + PAUSE, abs=0.3)
    assert found.notes


def test_no_samples_give_nothing(hearer: Model) -> None:
    expected = Transcript("", (), ("a recording of zero samples",))
    assert transcribe(hearer, np.zeros(0, np.float32)) == expected


def test_three_hours_go_through_a_few_windows_at_a_time(
    hearer: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, _ = spoken(["hi"])
    given: list[float] = []
    heard: list[int] = []

    def cut(recording: Any, rate: int, seconds: float) -> Iterator[Window]:
        for number in range(3 * 3_600 // 30):
            given.append(number)
            yield Window(30.0 * number, sound)

    def noted(seconds: float) -> None:
        heard.append(len(given))

    monkeypatch.setattr(listen, "windows", cut)
    found = transcribe(hearer, "three hours", on_window=noted)
    assert heard == list(range(listen.AT_ONCE, 361, listen.AT_ONCE))
    assert found.text == " ".join(["hi"] * 360)
    assert [round(word.start - PAUSE) for word in found.words] == [30 * n for n in range(360)]


def test_one_that_attends_has_no_times_and_both_have() -> None:
    sound, _ = spoken(["lo", "hi"])
    model = model_of(Transcribe("said", kind="attention", decoder=LSTMDecoder(heads=2)))
    assert transcribe(model, sound).words == ()
    model = model_of(Transcribe("said", kind="both", decoder=LSTMDecoder(heads=2)))
    assert [word.text for word in transcribe(model, sound).words] == ["lo", "hi"]


def test_what_transcribes_nothing_says_so(hearer: Model) -> None:
    with pytest.raises(PartError, match="does not write down one column of sound; fit with"):
        transcribe(note_model(note_table(9)), np.zeros(9, np.float32))
    with pytest.raises(CellError):
        transcribe(hearer, b"no sound")


@pytest.mark.parametrize("policy", ["absent", "skip", "error"])
def test_rows_too_long_for_the_model_are_answered_in_windows(policy: str, tmp_path: Path) -> None:
    model = model_of(Transcribe("said"), policy)
    words = ["lo", "hi", "mid", "mid", "lo", "hi", "lo", "mid", "hi", "lo"]
    long, short = spoken(words)[0], spoken(["hi", "lo"])[0]
    soundfile.write(tmp_path / "long.wav", long, RATE)
    rows = [{"clip": str(tmp_path / "long.wav")}, {"clip": short}, {"clip": None},
            {"clip": {"array": long, "sampling_rate": RATE}}]  # fmt: skip
    found = listen.answers_of(model, rows)
    assert [answer.value for answer in found] == [" ".join(words), "hi lo", "", " ".join(words)]
    assert [answer.status for answer in found] == [
        "ok, in windows of 2 s", "ok", "absent: clip", "ok, in windows of 2 s",
    ]  # fmt: skip
    bad = [*rows, {"clip": b"no sound"}]
    if policy == "error":
        with pytest.raises(TableError, match="1 damaged cell:") as raised:
            listen.answers_of(model, bad)
        assert [fault.row for fault in raised.value.faults] == [4]
    else:
        last = listen.answers_of(model, bad)[-1]
        assert [fault.column for fault in last.faults] == ["clip"]


def test_what_is_no_row_is_named_all_at_once(hearer: Model) -> None:
    rows: list[Any] = [{"clip": spoken(["hi"])[0]}, 3, ["clip"]]
    unchecked = inspect.unwrap(listen.answers_of)  # as it is in use, where no types are checked
    with pytest.raises(TableError, match="2 rows cannot be answered") as raised:
        unchecked(hearer, rows)
    assert [fault.row for fault in raised.value.faults] == [1, 2]
    assert "row 2: not a dict but of type list" in str(raised.value)


def test_other_tasks_are_answered_as_they_are() -> None:
    model = note_model(note_table(9))
    rows = [{"colour": "red", "count": 1}, {}]
    assert listen.answers_of(model, rows) == model.answers(rows)


def test_a_recording_is_told_by_its_name() -> None:
    for name in ("a.wav", "far/B.MP3", Path("x.flac"), "a.b.ogg"):
        assert listen.is_recording(name)
    for name in ("a.csv", "wav", "a.wav/", "a.wav.txt"):
        assert listen.is_recording(name) == (name == "a.wav/")


def test_tokens_of_a_fusion_s_own_are_not_heard() -> None:
    model = model_of(Transcribe("said"))
    early = Model(
        model.prep,
        encoders={"clip": Tones(8)},
        fusion=Early(8, depth=1, heads=2),
        task=Transcribe("said"),
    ).eval()
    batch = model.prep([{"clip": spoken(["lo", "hi"])[0]}])
    listener, own = listeners_of(early.task)["said"], listeners_of(model.task)["said"]
    features, plain = early.features(batch), model.features(batch)
    assert features.fused.tokens.shape[1] == plain.fused.tokens.shape[1] + 1
    assert features.outputs[listener.key].shape[1] == plain.outputs[own.key].shape[1]
    steps = features.fused.own("clip").tokens
    with torch.inference_mode():
        assert torch.equal(features.outputs[listener.key], listener.ctc(steps))
    assert listener.steps(features.fused).tolist() == own.steps(plain.fused).tolist()


def letters(*texts: str) -> tuple[Tokens, Callable[[str], tuple[int, ...]]]:
    step = target_step_for(Text(tokenizer="characters", vocabulary=300))
    step.fit([step.read(text) for text in texts])
    tokens: Tokens = step.tokens  # type: ignore[attr-defined]
    return tokens, lambda text: tuple(tokens.bare([text])[0])


@pytest.mark.parametrize(
    ("text", "words", "places"),
    [
        ("one two", ["one", "two"], [(0, 3), (4, 7)]),
        (" a  b ", ["a", "b"], [(1, 2), (4, 5)]),
        ("你好 ok 吗", ["你", "好", "ok", "吗"], [(0, 1), (1, 2), (3, 5), (6, 7)]),
        ("a你b", ["a", "你", "b"], [(0, 1), (1, 2), (2, 3)]),
        ("", [], []),
        ("  ", [], []),
    ],
)
def test_tokens_are_joined_to_words(
    text: str, words: list[str], places: list[tuple[int, int]]
) -> None:
    tokens, ids = letters("one two ab ok", "你好吗")
    count = len(text)
    heard = Heard(ids(text), tuple(range(count)), tuple(range(1, count + 1)),
                  tuple(1 / (n + 1) for n in range(count)), 0.0)  # fmt: skip
    found = list(timed(tokens, heard, 0.5, 10.0))
    assert [word.text for word in found] == words
    assert [(word.start, word.end) for word in found] == [
        (10 + a / 2, 10 + b / 2) for a, b in places
    ]
    assert [word.confidence for word in found] == pytest.approx([1 / b for _, b in places])
