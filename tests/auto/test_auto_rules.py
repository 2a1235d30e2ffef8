"""What is chosen follows the kinds, the number of rows and how rows are held out."""

import pytest

import sensorium as sm
from sensorium.auto.choose import choose
from sensorium.core.schema import Field
from sensorium.fusion import Concat, Temporal

MOOD = {"mood": sm.Category()}
PHOTO, CLIP, PULSE = sm.Image(), sm.Audio(), sm.Series(max_steps=512)
WORDS, LETTERS = sm.Text(), sm.Text(tokenizer="characters")


def chosen(
    rows: int, targets: dict[str, Field] = MOOD, **inputs: Field
) -> tuple[str, dict[str, str]]:
    choice = choose(sm.Schema(inputs=inputs, targets=targets), rows)
    encoders = {name: type(part).__name__ for name, part in choice.encoders.items()}
    return type(choice.fusion).__name__, encoders


@pytest.mark.parametrize(
    ("rows", "inputs", "fusion"),
    [
        (600, {"photo": PHOTO, "name": LETTERS}, "Late"),
        (600, {"photo": PHOTO, "price": sm.Number()}, "Gated"),
        (600, {"a": sm.Series(max_steps=20), "b": sm.Series(max_steps=20)}, "Gated"),
        (600, {"a": PULSE, "b": PULSE}, "Temporal"),
        (2_000, {"photo": PHOTO, "name": WORDS}, "Concat"),
        (9_000, {"photo": PHOTO, "name": WORDS}, "LowRankBilinear"),
        (9_000, {"price": sm.Number(), "name": WORDS}, "Concat"),
        (600, {"photo": PHOTO}, "Concat"),
    ],
)
def test_fusion_follows_rows_and_kinds(rows: int, inputs: dict[str, Field], fusion: str) -> None:
    assert chosen(rows, **inputs)[0] == fusion


def test_pictures_get_a_network_of_their_size() -> None:
    assert chosen(600, photo=PHOTO)[1]["photo"] == "ConvNet"
    assert chosen(3_000, photo=PHOTO)[1]["photo"] == "ResNet"
    assert chosen(3_000, photo=PHOTO, price=sm.Number())[1]["photo"] == "ConvNet"


def test_signs_are_not_mirrored() -> None:
    def augment(**inputs: Field) -> tuple[str, ...]:
        return choose(sm.Schema(inputs=inputs, targets=MOOD), 2_000).plan.augment

    assert augment(photo=PHOTO) == ("flip", "crop", "rand")
    assert augment(photo=PHOTO, clip=CLIP) == ("flip", "crop", "shift", "noise")
    assert augment(photo=PHOTO, name=WORDS) == ("crop",), "words may say left or right"
    assert augment(digit=sm.Image(channels=1), clip=CLIP) == ("crop", "shift", "noise")


def test_many_sounds_get_a_wider_network_and_are_mixed() -> None:
    few, many = (
        choose(sm.Schema(inputs={"clip": CLIP}, targets=MOOD), rows) for rows in (2_999, 3_000)
    )
    assert few.encoders["clip"].stages == (16, 32, 64)
    assert many.encoders["clip"].stages == (32, 64, 128)
    assert (few.plan.mixup, many.plan.mixup) == (0.0, 0.2)
    beside = choose(sm.Schema(inputs={"clip": CLIP, "note": WORDS}, targets=MOOD), 9_000)
    assert beside.plan.mixup == 0.0, "words cannot be mixed"


def test_few_short_signals_get_hardly_more_than_their_means() -> None:
    few = choose(sm.Schema(inputs={"a": sm.Series(max_steps=20)}, targets=MOOD), 600)
    many = choose(sm.Schema(inputs={"a": sm.Series(max_steps=20)}, targets=MOOD), 6_000)
    found = [type(choice.encoders["a"]).__name__ for choice in (few, many)]
    assert found == ["SeriesMoments", "SeriesCNN"]


def test_few_signals_are_read_as_one() -> None:
    long, short = sm.Series(max_steps=500), sm.Series(max_steps=20)
    both = choose(sm.Schema({"turn": long, "push": long}, MOOD), 600)
    assert [type(part).__name__ for part in both.encoders.values()] == ["Stem", "Stem"]
    assert isinstance(both.fusion, Temporal)
    assert both.plan.modality_dropout == 0, "each is read alone in every step"
    assert [reason.split(":")[0] for reason in both.reasons[:3]] == ["turn", "push", "fusion"]
    apart = {
        "one": choose(sm.Schema({"turn": long}, MOOD), 600),
        "short": choose(sm.Schema({"turn": long, "push": short}, MOOD), 600),
        "many": choose(sm.Schema({"turn": long, "push": long}, MOOD), 6_000),
        "numbers": choose(sm.Schema({"turn": long, "push": long}, {"t": sm.Number()}), 600),
    }
    for why, found in apart.items():
        assert not isinstance(found.fusion, Temporal), why
        assert "Stem" not in str(found.reasons), why
    aligned = choose(
        sm.Schema({"turn": long, "push": long}, {}), 600, task=sm.Align("turn", "push")
    )
    assert {type(part).__name__ for part in aligned.encoders.values()} == {"SeriesCNN"}
    own = choose(sm.Schema({"turn": long, "push": long}, MOOD), 600, fusion=Concat(32))
    assert {type(part).__name__ for part in own.encoders.values()} == {"SeriesCNN"}


def test_few_pictures_are_described_where_classes_are_told_apart() -> None:
    pictures = {"a": sm.Image()}
    for target, described in ((sm.Category(), True), (sm.Number(), False)):
        found = choose(sm.Schema(inputs=pictures, targets={"t": target}), 600).encoders["a"]
        assert found.described is described
    assert type(choose(sm.Schema(pictures, MOOD), 6_000).encoders["a"]).__name__ == "ResNet"


def test_characters_are_read_by_runs_and_words_alone_by_phrases() -> None:
    assert chosen(3_000, note=WORDS)[1]["note"] == "TextCNN"
    assert chosen(3_000, note=LETTERS)[1]["note"] == "NGrams"
    assert chosen(3_000, note=WORDS, price=sm.Number())[1]["note"] == "NGrams"


def test_numbers_of_rows_held_out_by_time_are_lines() -> None:
    assert chosen(900, day=sm.Date(), price=sm.Number())[1]["price"] == "Piecewise"
    assert chosen(900, day=sm.Date(trend=False), price=sm.Number())[1]["price"] == "Numbers"


@pytest.mark.parametrize(
    ("rows", "inputs", "epochs", "step"),
    [
        (7_000, {"price": sm.Number()}, 6, 64),
        (400, {"price": sm.Number()}, 40, 32),
        (5_500, {"note": LETTERS}, 4, 64),
        (600, {"note": LETTERS}, 30, 32),
        (600, {"note": WORDS}, 30, 32),
        (3_000, {"photo": PHOTO}, 60, 64),
        (1_800, {"photo": PHOTO, "note": WORDS}, 7, 64),
        (220, {"a": sm.Series(max_steps=20)}, 10, 32),
        (100, {"a": PULSE}, 60, 32),
        (2_400, {"clip": CLIP}, 27, 32),
        (3_500, {"clip": CLIP}, 43, 32),
        (35_000, {"photo": PHOTO, "note": WORDS}, 14, 64),
    ],
)
def test_length_follows_rows_and_kinds(
    rows: int, inputs: dict[str, Field], epochs: int, step: int
) -> None:
    plan = choose(sm.Schema(inputs=inputs, targets=MOOD), rows).plan
    assert (plan.epochs, plan.rows_per_step) == (epochs, step)


def test_only_long_texts_alone_are_learned_slowly() -> None:
    for tokens, pace in ((40, 1.0), (800, 0.003)):
        note = sm.Text(tokenizer="characters", max_tokens=tokens)
        encoder = choose(sm.Schema(inputs={"note": note}, targets=MOOD), 600).encoders["note"]
        assert getattr(encoder, "pace", None) == pace


def test_every_choice_has_its_reason() -> None:
    schema = sm.Schema(inputs={"photo": PHOTO, "price": sm.Number()}, targets=MOOD)
    reasons = choose(schema, 600).reasons
    assert [reason.split(":")[0] for reason in reasons] == [
        "photo",
        "price",
        "fusion",
        "task",
        "plan",
    ]
