"""Every task that ends in words keeps the public contract, with each of its decoders."""

import json

import pytest
from safetensors.torch import save

from sensorium.core.describe import build, describe
from sensorium.core.errors import PartError
from sensorium.core.schema import Category, Number, Text
from sensorium.decoders import DECODERS, LSTMDecoder, Sampling, TextDecoder
from sensorium.preprocess import Step, target_step_for
from sensorium.tasks import (
    TASKS,
    Answer,
    Caption,
    Classify,
    Describe,
    Several,
    Teaching,
    Transcribe,
)
from sensorium.testing import check_task

CELLS = {
    "said": (Text(tokenizer="words"), ["good", "bad", ["fine", "good"], "good", "bad", "fine"]),
    "note": (Text(max_tokens=40), ["a cat", "a dog", ["two cats", "cats"], "a 猫", "dogs", "no"]),
    "letters": (Text(tokenizer="characters"), ["a", "b", "c", "a", "b", "cc"]),
    "mood": (Category(), ["glad", "calm", "glad", "calm", "glad", "calm"]),
    "price": (Number(), [1, 4, 2, 8, 5, 7.5]),
}
ONE = {"parts": ("photo",)}
TINY = {"decoder": TextDecoder(depth=1, heads=2)}


def small() -> TextDecoder:
    return TextDecoder(depth=1, heads=2)


def prepared(*names: str):
    steps: dict[str, Step] = {}
    columns = {}
    for name in names:
        field, cells = CELLS[name]
        step = target_step_for(field)
        clean = [step.read(cell) for cell in cells]
        steps[name] = step.fit(clean)
        columns[name] = step(clean)
    return steps, columns


CASES = {
    "caption": (lambda: Caption("note", decoder=small()), ("note",), {}),
    "caption by lstm": (lambda: Caption("note", decoder=LSTMDecoder(heads=2)), ("note",), {}),
    "caption with options": (
        lambda: Caption(
            "said", decoder=small(), sampling=Sampling(beams=2, max_tokens=3),
            teaching=Teaching(smoothing=0.0, own=0.5),
        ),
        ("said",), {},
    ),
    "describe": (lambda: Describe("said", decoder=small()), ("said",), {}),
    "answer, free": (lambda: Answer("note", free=True, decoder=small()), ("note",), {}),
    "answer, text": (lambda: Answer("said", decoder=small()), ("said",), {}),
    "answer, closed": (lambda: Answer("mood"), ("mood",), {}),
    "ctc": (lambda: Transcribe("letters"), ("letters",), ONE),
    "ctc with beams": (lambda: Transcribe("letters", beams=3), ("letters",), ONE),
    "ctc with words": (
        lambda: Transcribe("letters", beams=3, words=["a", "cc"]), ("letters",), ONE,
    ),
    "attention": (
        lambda: Transcribe("letters", kind="attention", decoder=small()), ("letters",), {},
    ),
    "both": (
        lambda: Transcribe("letters", kind="both", decoder=LSTMDecoder(heads=2)),
        ("letters",), ONE,
    ),
    "several": (
        lambda: Several(
            Classify("mood"), Caption("note", decoder=small()),
            Describe("said", decoder=LSTMDecoder(heads=2)), weights=(1, 2, 0.5),
        ),
        ("mood", "note", "said"), {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_keeps_the_contract(name: str) -> None:
    make, targets, options = CASES[name]
    check_task(make, *prepared(*targets), new_process=name == "several", **options)


@pytest.mark.parametrize("name", CASES)
def test_it_is_rebuilt_from_its_description(name: str) -> None:
    task = CASES[name][0]()
    description = json.loads(json.dumps(describe(task)))
    again = build(description, {**TASKS, **DECODERS})
    assert describe(again) == description
    assert again.targets == task.targets
    assert repr(again) == repr(task)


@pytest.mark.parametrize("name", CASES)
def test_no_weight_is_held_twice(name: str) -> None:
    """Files of weights refuse tensors that share their memory."""
    make, targets, options = CASES[name]
    task = make()
    steps, _ = prepared(*targets)
    task.setup(8, options.get("parts", ("photo", "words")), steps)
    assert save({key: weight.contiguous() for key, weight in task.state_dict().items()})
    assert len(set(map(id, task.parameters()))) == len(list(task.named_parameters()))
    assert set(task.heads) == set(targets)


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: Transcribe("y", beams=0), "beams must be at least 1, found 0"),
        (lambda: Transcribe("y", words=["a"]), "words go with kind='ctc' and beams above 1"),
        (lambda: Transcribe("y", kind="both", beams=2, words=["a"]), "words go with"),
        (lambda: Teaching(smoothing=1.0), "below 1"),
        (lambda: Teaching(own=1.5), "own must lie in 0..1, found 1.5"),
        (lambda: Teaching(self_critical=-0.1), "self_critical"),
        (lambda: Teaching(smoothing=float("nan")), "smoothing"),
    ],
)
def test_options_that_cannot_be_are_refused(make, hint: str) -> None:
    with pytest.raises(PartError, match=hint):
        make()


def test_all_faults_of_the_options_come_at_once() -> None:
    with pytest.raises(PartError) as caught:
        Teaching(smoothing=-1, own=2, self_critical=3)
    assert str(caught.value).count("\n  - ") == 3
    with pytest.raises(PartError) as caught:
        Transcribe("y", kind="both", beams=0, words=["a"])
    assert str(caught.value).count("\n  - ") == 2


@pytest.mark.parametrize(
    ("task", "names", "hint"),
    [
        (Caption("mood"), ("photo",), "'mood' is category, and words are to be written.*mood=text"),
        (Describe("price"), ("photo",), "number.*--kind price=text"),
        (Answer("mood", free=True), ("photo",), "'mood' is category"),
        (Answer("price"), ("photo",), "Regress"),
        (Transcribe("mood"), ("clip",), "a transcript is text: --kind mood=text"),
        (Transcribe("said"), ("clip", "photo"), r"reads one column.*'clip', 'photo'.*attention"),
        (Transcribe("said", kind="both"), ("clip", "photo"), "reads one column"),
    ],
)
def test_targets_that_do_not_fit_are_refused_with_advice(task, names, hint: str) -> None:
    steps, _ = prepared(*task.targets)
    with pytest.raises(PartError, match=hint):
        task.setup(8, names, steps)
