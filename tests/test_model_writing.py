"""A model writes: what it learned, candidates with their chances, prefixes, streams, and saved."""

import math
from pathlib import Path

import pytest
import torch

from sensorium.core.batch import Batch, Features
from sensorium.core.errors import PartError, TableError
from sensorium.core.schema import Category, Number, Schema, Text
from sensorium.data import read
from sensorium.decoders import Draft, Sampling, TextDecoder
from sensorium.encoders import Categories, Numbers
from sensorium.fusion import Concat
from sensorium.model import Model, Written, load
from sensorium.model.writing import pieces
from sensorium.model.writing import written as written_text
from sensorium.preprocess import Preprocess, target_step_for
from sensorium.tasks import Answer, Caption, Classify, Describe, Several
from sensorium.tasks.timing import joined
from sensorium.tasks.words_head import WordsHead
from written_models import (
    COLOURS,
    WIDTH,
    Author,
    author,
    note_model,
    note_rows,
    note_table,
    text_of,
)

ROW = {"colour": "blue", "count": 2}
ALL = [{"colour": colour, "count": count} for colour in COLOURS for count in (1, 2, 3)]
TEXTS = [text_of(row["colour"], row["count"]) for row in ALL]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def taught() -> Author:
    return author()


def test_it_learns_to_write(taught: Author) -> None:
    assert taught.model.predict(*ALL) == TEXTS
    answers = taught.model.answers([*ALL, {"colour": "red"}])
    assert answers[0].value == TEXTS[0]
    assert answers[0].scores == {}
    assert answers[-1].status == "absent: count"


def test_a_rows_text_depends_on_no_other(taught: Author) -> None:
    model = taught.model
    assert [model.predict(row)[0] for row in ALL] == model.predict(*ALL)
    assert model.predict(*reversed(ALL)) == TEXTS[::-1]
    assert [a.value for a in model.answers(ALL, rows_per_step=2)] == TEXTS


def test_rows_are_written_so_many_at_a_time(
    taught: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, sizes = taught.model, []
    features = type(model).features

    def counted(self: Model, batch: Batch) -> Features:
        sizes.append(len(batch))
        return features(self, batch)

    monkeypatch.setattr(type(model), "features", counted)
    found = model.write(*ALL, {"colour": "red"}, rows_per_step=4)
    assert sizes == [4, 4, 2]
    assert [row[0].text for row in found[:-1]] == TEXTS


def test_of_several_that_write_one_is_named() -> None:
    schema = Schema(
        {"count": Number()},
        {name: Text(max_tokens=60, vocabulary=500) for name in ("note", "more")},
    )
    rows = [{**row, "more": f"more {row['count']}"} for row in note_rows(12)]
    table = read(rows).with_schema(schema)
    small = TextDecoder(depth=1, heads=2)
    task = Several(Describe("note", decoder=small), Describe("more", decoder=TextDecoder(depth=1)))
    model = Model(Preprocess.fit(table), encoders={"count": Numbers(WIDTH)}, fusion=Concat(WIDTH),
                  task=task).eval()  # fmt: skip
    row = {"count": 2}
    both = model.predict(row)[0]
    for target in ("note", "more"):
        ((one,),) = model.write(row, target=target)
        assert one.text == both[target]
        assert "".join(model.stream(row, target=target)) == one.text
    with pytest.raises(PartError, match="the model writes 'note' and 'more': name one, target="):
        model.write(row)
    with pytest.raises(PartError, match=r"'nots' is not written \(did you mean 'note'\?\)"):
        model.write(row, target="nots")


def test_saved_and_loaded_it_writes_the_same_bits(taught: Author, tmp_path: Path) -> None:
    model = taught.model
    again = load(model.save(tmp_path / "model"))
    state = again.state_dict()
    assert all(torch.equal(weight, state[name]) for name, weight in model.state_dict().items())
    assert again.predict(*ALL) == TEXTS
    way = Sampling(beams=3, candidates=2)
    assert again.write(*ALL, sampling=way) == model.write(*ALL, sampling=way)
    assert again.describe() == model.describe()
    assert again.fingerprint == model.fingerprint


@pytest.mark.parametrize(
    "task",
    [
        Answer("colour"),
        Answer("note", free=True, sampling=Sampling(beams=2)),
        Several(Classify("colour"), Describe("note", decoder=TextDecoder(depth=1, heads=2))),
    ],
)
def test_every_task_is_saved_and_loaded(task: object, tmp_path: Path) -> None:
    schema = Schema(
        {"count": Number()}, {"colour": Category(), "note": Text(max_tokens=60, vocabulary=500)}
    )
    table = read(note_rows(12)).with_schema(schema)
    model = Model(
        Preprocess.fit(table), encoders={"count": Numbers(WIDTH)}, fusion=Concat(WIDTH), task=task
    ).eval()  # type: ignore[arg-type]
    again = load(model.save(tmp_path / "model"))
    rows = [{"count": n} for n in (1, 2, 3)]
    assert again.predict(*rows) == model.predict(*rows)


def test_candidates_come_with_their_chances(taught: Author) -> None:
    found = taught.model.write(ROW, ALL[0], sampling=Sampling(beams=4, candidates=4))
    assert [len(row) for row in found] == [4, 4]
    assert found[0][0].text == text_of("blue", 2)
    assert found[0][0].ended
    assert len({one.text for one in found[0]}) == 4
    for one in [*found[0], *found[1]]:
        assert 0 < one.chance <= 1
        assert "".join(piece.text for piece in one.pieces) == one.text
        told = math.prod(piece.chance for piece in one.pieces)
        assert one.chance <= told * (1 + 1e-6)  # the end has its chance, too
        if not one.ended:
            assert one.chance == pytest.approx(told)
    drawn = taught.model.write(ROW, sampling=Sampling(temperature=1.0, candidates=5, seed=1))
    assert drawn == taught.model.write(
        ROW, sampling=Sampling(temperature=1.0, candidates=5, seed=1)
    )


def test_the_chances_of_pieces_and_of_the_end_multiply_to_the_chance(taught: Author) -> None:
    ((one,),) = taught.model.write(ROW, sampling=Sampling())
    ((cut,),) = taught.model.write(ROW, sampling=Sampling(max_tokens=len(one.pieces)))
    assert cut.chance == pytest.approx(math.prod(piece.chance for piece in cut.pieces))
    assert cut.text == one.text
    assert not cut.ended
    assert one.chance < cut.chance


def test_a_stream_makes_what_is_predicted(taught: Author) -> None:
    for row, text in zip(ALL, TEXTS, strict=True):
        found = list(taught.model.stream(row))
        assert "".join(found) == text
        assert found == list(taught.model.stream(row, sampling=Sampling()))
        assert len(found) > 3
        assert all("\ufffd" not in piece for piece in found)  # the bytes of 😀 come together
    drawn = Sampling(temperature=1.5, seed=3)
    ((one,),) = taught.model.write(ROW, sampling=drawn)
    assert "".join(taught.model.stream(ROW, sampling=drawn)) == one.text


def test_a_stream_leaves_the_caller_alone(taught: Author) -> None:
    stream = taught.model.stream(ROW)
    next(stream)
    assert not torch.is_inference_mode_enabled()
    assert torch.is_grad_enabled()
    with pytest.raises(PartError, match="beams=1"):
        list(taught.model.stream(ROW, sampling=Sampling(beams=2)))


@pytest.mark.parametrize("prefix", ["two", "two blue", "two ", "two blue cubes 😀", " "])
def test_a_prefix_is_gone_on_with(taught: Author, prefix: str) -> None:
    """What is written can be put right behind it, space and all."""
    model = taught.model
    ((one,),) = model.write(ROW, prefix=prefix, sampling=Sampling())
    assert (prefix + one.text).strip() == text_of("blue", 2)
    assert "".join(piece.text for piece in one.pieces) == one.text
    assert "".join(model.stream(ROW, prefix=prefix)) == one.text


def test_a_prefix_may_end_within_a_word() -> None:
    head, ids = torn("plain words")
    for cut in range(1, len(ids)):
        before = head.text(ids[:cut])
        assert before + head.text(ids[cut:], before) == "plain words"
    assert head.text(ids, " ") == "plain words"


def test_writing_is_for_use_also_while_training(taught: Author) -> None:
    model = note_model(taught.train, Caption("note", decoder=TextDecoder(depth=1, dropout=0.9)))
    rest = model.write(ROW, sampling=Sampling(beams=2))
    model.train()
    assert model.write(ROW, sampling=Sampling(beams=2)) == rest
    assert model.predict(ROW) == model.predict(ROW)
    ((greedy,),) = model.write(ROW, sampling=Sampling())
    assert "".join(model.stream(ROW)) == greedy.text
    assert model.training
    assert model.task.training


def test_rows_are_refused_or_skipped_as_the_model_does(taught: Author) -> None:
    model = taught.model
    too_long = {**ROW, "note": "x" * 200}  # a target is not looked at
    assert model.write(too_long) == model.write(ROW)
    assert list(model.stream(too_long)) == list(model.stream(ROW))
    assert model.write() == []
    with pytest.raises(TableError):
        model.write({"color": "red"})
    bad = {"colour": "blue", "count": "many"}
    strict, skipping = (
        Model(
            Preprocess.fit(taught.train, damaged=policy),  # type: ignore[arg-type]
            encoders={"colour": Categories(WIDTH), "count": Numbers(WIDTH)},
            fusion=Concat(WIDTH), task=Caption("note"),
        ).eval()
        for policy in ("error", "skip")
    )  # fmt: skip
    with pytest.raises(TableError):
        strict.write(ROW, bad)
    with pytest.warns(UserWarning, match="1 damaged cell; model.answers tells"):
        found = skipping.write(ROW, bad, ROW)
    assert [len(row) for row in found] == [1, 0, 1]
    assert found[0] == found[2]
    with pytest.warns(UserWarning, match="row 0, column 'count'"):
        assert skipping.write(bad) == [[]]
    with pytest.warns(UserWarning, match="row 0, column 'count'"):
        assert list(skipping.stream(bad)) == []


def test_what_writes_nothing_says_so(taught: Author) -> None:
    model = note_model(note_table(12))
    model.task = Classify("colour")
    with pytest.raises(PartError, match="Classify writes no texts token by token"):
        model.write(ROW)
    with pytest.raises(PartError, match=r"model\.predict"):
        model.stream(ROW)


def torn(text: str) -> tuple[WordsHead, tuple[int, ...]]:
    step = target_step_for(Text())
    step.fit([("plain words", "plain"), ("words",)])
    head = WordsHead(step.tokens, "text")  # type: ignore[attr-defined]
    return head, tuple(head.tokens.bare([text])[0])


def as_written(head: WordsHead, ids: tuple[int, ...], prefix: str = "") -> Written:
    return written_text(Draft(ids, (-0.5,) * len(ids), ended=False), head, prefix)


@pytest.mark.parametrize(
    "text", ["plain é 漂亮 words", "😀", "a 👩‍👩‍👧b", "x \ufffd y", "one\ntwo"]
)
def test_pieces_make_the_text_whatever_its_bytes(text: str) -> None:
    head, ids = torn(text)
    found = as_written(head, ids)
    assert found.text == text
    assert "".join(piece.text for piece in found.pieces) == text
    assert len(found.pieces) == len(ids)
    assert found.chance == pytest.approx(math.exp(-0.5 * len(ids)))
    steps = [head.text(ids[: n + 1]) for n in range(len(ids))]
    assert "".join(pieces(steps)) == text
    words = [word for word, _ in joined(head.tokens, ids)]
    assert "".join("".join(words).split()) == "".join(text.split())
    places = [place for _, held in joined(head.tokens, ids) for place in held]
    assert places == sorted(set(places))


def test_a_text_cut_within_a_character_goes_without_it() -> None:
    head, ids = torn("a 😀")
    found = as_written(head, ids[:-1])
    assert "".join(piece.text for piece in found.pieces) == found.text == "a"
    assert "".join(pieces([head.text(ids[:n]) for n in range(1, len(ids))])) == "a"
    assert as_written(head, ()) == Written("", 1.0, (), ended=False)
