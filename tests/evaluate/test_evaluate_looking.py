"""What a model looked at and heard: attention by hand, word by word, and when each was said."""

from typing import Any

import numpy as np
import pytest
import torch

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.schema import Audio, Image, Number, Schema, Text
from sensorium.data import read
from sensorium.decoders import Draft, TextDecoder
from sensorium.encoders import Encoder, Numbers, Spectrogram
from sensorium.encoders.encoder import as_encoded
from sensorium.evaluate.looking import MOST_WORDS, Look, Senses, senses
from sensorium.fusion import Concat, Early, Fusion, Mean
from sensorium.model import Model
from sensorium.preprocess import Preprocess
from sensorium.tasks import Caption, Describe, Several, Task, Transcribe
from sensorium.tasks.listener import listeners_of
from sensorium.tasks.writer import Writer, writers_of

WIDTH = 8
PIXELS = np.zeros((8, 8, 3), np.uint8)


class Quarters(Encoder):
    """Gives a picture's four quarters as tokens."""

    kinds = frozenset({"image"})

    def setup(self, layout: Layout) -> None:
        self.table = torch.nn.Embedding(4, self.width)

    def encode(self, column: Column) -> Encoded:
        rows = len(column.present)
        return as_encoded(
            self.table.weight.expand(rows, -1, -1), torch.ones(rows, 4).bool(), column
        )


def model_of(task: Task, fusion: Fusion) -> Model:
    schema = Schema(
        {"photo": Image(size=8), "price": Number()},
        {"said": Text(max_tokens=40, vocabulary=300), "more": Text(max_tokens=40, vocabulary=300)},
    )
    rows = [{"photo": PIXELS, "price": float(n), "said": "a red boat", "more": "so it is"}
            for n in range(4)]  # fmt: skip
    encoders: dict[str, Encoder] = {"photo": Quarters(WIDTH), "price": Numbers(WIDTH)}
    prep = Preprocess.fit(read(rows).with_schema(schema))
    return Model(prep, encoders=encoders, fusion=fusion, task=task).eval()


def said(model: Model, monkeypatch: pytest.MonkeyPatch, shares: list[list[float]]) -> Writer:
    """Let a model write "a red boat" and look where it is told, token by token."""
    writer = writers_of(model.task)["said"]
    (ids,) = writer.head.tokens.bare(["a red boat"])
    told = torch.tensor([shares[min(n, len(shares) - 1)] for n in range(len(ids))])
    monkeypatch.setattr(writer, "write", lambda *_: [[Draft(tuple(ids), (0.0,) * len(ids), True)]])
    monkeypatch.setattr(writer, "attention", lambda *_: told)
    return writer


@pytest.mark.parametrize("fusion", [Concat(WIDTH), Early(WIDTH, depth=1, heads=2)])
def test_each_word_has_its_places(fusion: Fusion, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(Caption("said", decoder=TextDecoder(depth=1, heads=2)), fusion)
    extra = [0.9] if isinstance(fusion, Early) else []  # its summary stands before the columns
    said(model, monkeypatch, [[*extra, 0.1, 0.2, 0.4, 0.0, 0.3]])
    found = senses(model, {"photo": PIXELS, "price": 1.0}, "said")
    assert [look.word for look in found.looks] == ["a", "red", "boat"]
    assert all((look.column, look.side) == ("photo", 2) for look in found.looks)
    assert all(look.shares == (0.25, 0.5, 1.0, 0.0) for look in found.looks)
    assert found.words == ()


def test_the_tokens_of_a_word_are_averaged(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(Caption("said", decoder=TextDecoder(depth=1, heads=2)), Concat(WIDTH))
    writer = said(model, monkeypatch, [[1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.0, 0.5, 0.0]])
    (one,) = writer.head.tokens.bare(["a"])
    found = senses(model, {"photo": PIXELS, "price": 1.0}, "said")
    assert found.looks[0] == Look(
        "a", "photo", 2, (1.0, 0.0, 0.0, 0.0) if len(one) == 1 else (1.0, 0.5, 0.0, 0.5)
    )
    assert found.looks[-1].shares == (0.0, 1.0, 0.0, 1.0)
    assert len(found.looks) <= MOST_WORDS


def test_what_is_not_there_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(Caption("said", decoder=TextDecoder(depth=1, heads=2)), Concat(WIDTH))
    said(model, monkeypatch, [[0.2, 0.2, 0.2, 0.2, 0.2]])
    assert senses(model, {"photo": None, "price": 1.0}, "said") == Senses()
    model.train()
    senses(model, {"photo": PIXELS}, "said")
    assert model.training


def test_of_several_each_is_asked_for_its_own() -> None:
    tasks = [Describe(name, decoder=TextDecoder(depth=1, heads=2)) for name in ("said", "more")]
    model = model_of(Several(*tasks), Concat(WIDTH))
    row = {"photo": PIXELS, "price": 1.0}
    asked: list[str] = []
    for name, writer in writers_of(model.task).items():

        def write(*_: Any, name: str = name) -> list[list[Draft]]:
            asked.append(name)
            return [[Draft((), (), True)]]

        writer.write = write  # type: ignore[method-assign]
    assert senses(model, row, "more") == Senses()
    assert asked == ["more"]


def test_words_are_heard_at_their_time() -> None:
    schema = Schema(
        {"clip": Audio(rate=8_000, seconds=1.0, whole=True)},
        {"said": Text(tokenizer="words", vocabulary=300)},
    )
    noise = np.random.default_rng(0).normal(0, 0.1, 8_000).astype(np.float32)
    rows = [{"clip": noise, "said": word} for word in ("yes", "no")]
    model = Model(
        Preprocess.fit(read(rows).with_schema(schema)), encoders={"clip": Spectrogram(WIDTH)},
        fusion=Mean(WIDTH), task=Transcribe("said"),
    ).eval()  # fmt: skip
    listener = listeners_of(model.task)["said"]
    (yes,) = listener.head.tokens.bare(["yes"])[0]
    with torch.no_grad():  # it hears nothing but "yes", all the time
        listener.ctc.out.weight.zero_()
        listener.ctc.out.bias.zero_()
        listener.ctc.out.bias[yes] = 9.0
    (word,) = senses(model, {"clip": noise}, "said").words
    assert (word.text, word.start) == ("yes", 0.0)
    assert word.end == pytest.approx(1.0)
    assert senses(model, {"clip": None}, "said") == Senses()
