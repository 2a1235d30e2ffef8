"""Inference: the kind of every column, its reason, what is left out, and how to say otherwise."""

from datetime import date

import numpy as np
import pytest
import soundfile
from PIL import Image as Pillow

from sensorium.core.errors import SchemaError
from sensorium.core.schema import Audio, Category, Date, Flag, Image, Number, Series, Text, Vector
from sensorium.data import infer, read, sizing

COUNT = 60
RANDOM = np.random.default_rng(0)
WORDS = ("lovely", "awful", "place", "food", "was", "is", "not", "very", "good", "bad", "room")


def sentence(words: int = 12) -> str:
    return " ".join(RANDOM.choice(WORDS, words))


def told(cells, *, target=False, name="x"):
    table = read({name: cells, "other": [sentence() for _ in cells]})
    return infer(table, [name] if target else []).findings[name]


CASES = [
    ("sentences", [sentence() for _ in range(COUNT)], Text),
    ("chinese", ["距离川沙公路较近，但是公交指示不对" + str(i) for i in range(COUNT)], Text),
    ("names", ["red", "green", "blue"] * 20, Category),
    ("two words", ["Dog bark", "Sea waves"] * 30, Category),
    ("questions that recur", ["what colour is the large shape in it?"] * 59 + ["is it?"], Text),
    ("whole numbers", RANDOM.integers(0, 500, COUNT).tolist(), Number),
    ("ratings", [1, 2, 3, 4, 5] * 12, Number),
    ("real numbers", RANDOM.normal(size=COUNT).tolist(), Number),
    ("written numbers", ["1.5", "2", "3"] * 19 + ["12", "13", "none known"], Number),
    ("numbers and a word", [1.5, 2, 3] * 19 + [12, 13.0, "none known"], Number),
    ("codes with leading zeros", ["007", "012", "007"] * 20, Category),
    ("zero and one", [0, 1, 1] * 20, Flag),
    ("yes and no", ["Yes", "no", "NO"] * 20, Flag),
    ("bools", [True, False] * 30, Flag),
    ("iso dates", [f"2024-0{1 + i % 9}-11" for i in range(COUNT)], Date),
    ("iso times", [f"2024-01-11 10:{i:02d}:00" for i in range(COUNT)], Date),
    ("date objects", [date(2024, 1, 1 + i % 28) for i in range(COUNT)], Date),
    ("lists of names", [["a", "b"], ["b"], ["c", "a"]] * 20, Category),
    ("joined names", ["red|round", "blue", "red|square"] * 20, Category),
    ("vectors", [[1.0, 2.0, 3.0]] * COUNT, Vector),
    ("signals of many lengths", [[1.0] * (5 + i) for i in range(COUNT)], Series),
    ("signals of channels", [[[1.0, 2.0]] * 7] * COUNT, Series),
    ("arrays", [np.full(4, i, float) for i in range(COUNT)], Vector),
    ("pictures as arrays", [np.full((5, 6, 3), i, np.uint8) for i in range(COUNT)], Image),
    ("pictures", [Pillow.new("L", (9, 9), i) for i in range(COUNT)], Image),
    ("sounds as dicts", [{"array": np.zeros(800), "sampling_rate": 8_000}] * COUNT, Audio),
    ("file names", [f"p/{i}.JPG" for i in range(COUNT)], Image),
    ("sound urls", [f"https://x.org/{i}.mp3?q=1" for i in range(COUNT)], Audio),
    ("data uris", ["data:image/png;base64,AAAA"] * COUNT, Image),
    ("bytes", [b"fLaC" + bytes([i]) for i in range(COUNT)], Audio),
    ("npy files", [f"{i}.npy" for i in range(COUNT)], Series),
]


@pytest.mark.parametrize(("name", "cells", "field"), CASES, ids=[case[0] for case in CASES])
def test_kinds(name, cells, field):
    finding = told(cells)
    assert isinstance(finding.field, field), finding.reason
    assert finding.reason
    assert "x" in finding.override


@pytest.mark.parametrize(
    ("cells", "field"),
    [
        ([3, 1, 2] * 20, Category),
        ([0, 1] * 30, Category),
        (list(range(COUNT)), Number),
        ([0.5, 1.5] * 30, Number),
        (["a b c d e f g h", "b c d e f g h i"] * 30, Category),
        ([sentence() for _ in range(COUNT)], Text),
        ([f"u{i}" for i in range(COUNT)], Text),
        (["true", "false"] * 30, Flag),
    ],
)
def test_targets(cells, field):
    finding = told(cells, target=True)
    assert finding.role == "target"
    assert isinstance(finding.field, field), finding.reason


@pytest.mark.parametrize(
    ("name", "cells", "said"),
    [
        ("key", [f"k-{i}" for i in range(COUNT)], "an id"),
        ("stamp", [f"00:14:{2 * i // 3},127" for i in range(COUNT)], "hardly recur"),
        ("anything", list(range(5, COUNT + 5)), "numbers the rows"),
        ("Sr No.", [3 * i for i in range(COUNT)], "by name an id"),
        ("dialogueId", [i // 4 for i in range(COUNT)], "by name an id"),
        ("fold", [1, 2, 3] * 20, "folds"),
        ("same", ["x"] * COUNT, "are the same"),
        ("nothing", [None] * COUNT, "are empty"),
        ("captions", [[sentence(), sentence()] for _ in range(COUNT)], "explode"),
        ("things", [{"a": 1}] * COUNT, "none of the kinds"),
    ],
)
def test_columns_of_no_use_are_left_out_with_the_reason(name, cells, said):
    finding = told(cells, name=name)
    assert finding.role == "left out"
    assert said in finding.reason


def test_ids_named_so_inside_words_are_not_taken_for_ids():
    assert told([7, 3, 9, 3] * 15, name="humidity").role == "input"
    assert told([7, 3, 9, 3] * 15, name="paid").role == "input"


def test_zip_codes_are_categories_and_long_tails_are_logged():
    assert told([85255, 36372, 85266] * 20, name="zipcode").kind == "category"
    prices = np.exp(np.random.default_rng(0).normal(10, 1.5, COUNT)).tolist()
    assert told(prices).field == Number(scaling="log")


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        (["31.12.2024", "01.02.2024"], "%d.%m.%Y"),
        (["12/31/2024", "01/02/2024"], "%m/%d/%Y"),
        (["31/12/2024", "01/02/2024"], "%d/%m/%Y"),
        (["2024年12月31日", "2024年1月2日"], "%Y年%m月%d日"),
    ],
)
def test_other_forms_of_dates(cells, form):
    assert told(cells * 30).field == Date(form=form)


def test_sizes_come_from_headers(tmp_path):
    for i in range(6):
        Pillow.new("L", (28, 20)).save(tmp_path / f"{i}.png")
        soundfile.write(tmp_path / f"{i}.wav", np.zeros(8_000 + 400 * i), 8_000)
        np.save(tmp_path / f"{i}.npy", np.zeros((40 + i, 3)))
    rows = [{"p": f"{i}.png", "s": f"{i}.wav", "q": f"{i}.npy"} for i in range(6)]
    fields = infer(read(rows, folder=tmp_path)).schema.inputs
    assert fields["p"] == Image(size=32, channels=1)
    assert fields["s"] == Audio(rate=8_000, seconds=1.3)
    assert fields["q"] == Series(max_steps=48)
    (tmp_path / "0.png").write_bytes(b"broken")
    assert infer(read(rows, folder=tmp_path)).schema.inputs["p"] == Image(size=32, channels=1)


def test_long_strips_are_seen_whole(tmp_path):
    for i in range(6):
        Pillow.new("RGB", (100, 25) if i < 4 else (20, 25)).save(tmp_path / f"{i}.png")
    rows = [{"p": f"{i}.png"} for i in range(6)]
    found = infer(read(rows, folder=tmp_path))
    assert found.schema.inputs["p"] == Image(fit="stretch")
    assert infer(read(rows[3:], folder=tmp_path)).schema.inputs["p"] == Image(fit="crop")


def test_texts_nearly_all_fit_into_max_tokens():
    long = told([sentence(60) for _ in range(COUNT)])
    assert isinstance(long.field, Text)
    assert long.field.tokenizer == "bpe"
    assert 80 <= long.field.max_tokens <= 96


def test_phrases_of_small_tables_and_chinese_are_read_by_characters():
    phrases = ["one two", "three four five"] * 30 + [sentence(4) for _ in range(60)]
    assert sizing.text(phrases, rows=120) == Text(24, "characters", lowercase=True)
    assert sizing.text(phrases, rows=50_000) == Text(16)
    long = "房间很大，床也舒服。" * 20
    assert sizing.text([long] * 9, rows=50_000) == Text(200, "characters")
    assert told([f"{long}{i}" for i in range(COUNT)]).reason.endswith("read by characters")


def test_split_columns_and_groups_have_their_roles():
    table = read(
        {
            "split": ["train", "val", "test"] * 20,
            "subset": ["a", "b", "c"] * 20,
            "who": [i // 6 for i in range(COUNT)],
            "words": [sentence() for _ in range(COUNT)],
        }
    )
    found = infer(table, group="who")
    assert found.split == "split"
    assert [f.role for f in found.findings.values()] == ["split", "input", "group", "input"]
    assert found.schema.group == "who"


def test_the_user_has_the_last_word():
    table = read({"id": list(range(COUNT)), "w": ["a", "b", "c"] * 20, "y": [1, 2, 3] * 20})
    found = infer(table, "y", inputs=["id", "w"], kinds={"w": "text", "y": Number()})
    assert list(found.schema.inputs) == ["id", "w"]
    assert found.schema.inputs["w"] == Text()
    assert found.schema.targets == {"y": Number()}
    assert found.findings["w"].reason == "as you said"


def test_a_kind_that_was_found_anyway_keeps_its_sizes():
    table = read({"w": [sentence(60) for _ in range(COUNT)]})
    assert infer(table, kinds={"w": "text"}).schema == infer(table).schema


def test_all_mistakes_are_named_at_once():
    table = read({"word": [sentence() for _ in range(5)]})
    with pytest.raises(SchemaError) as caught:
        infer(table, ["wrd"], kinds={"word": "txt", "nope": "text", "other": Text})  # type: ignore[dict-item]
    said = str(caught.value)
    assert "no column 'wrd' (did you mean 'word'?)" in said
    assert "no kind 'txt' (did you mean 'text'?)" in said
    assert "no column 'nope'" in said
    assert "Text'> is no kind; give a name ('image') or a field" in said


def test_nothing_to_learn_from_says_why():
    with pytest.raises(SchemaError, match=r"(?s)no column to learn from.*'id': it only numbers"):
        infer(read({"id": list(range(COUNT)), "y": ["a", "b"] * 30}), "y")


def test_a_large_column_that_only_looks_constant():
    cells = [0] * 25_000
    cells[777] = 1
    finding = told(cells)
    assert finding.role == "input"
    assert finding.kind == "flag"


def test_lists_of_the_targets_own_answers_are_no_inputs():
    random = np.random.default_rng(0)
    truth = [("red", "blue", "green")[int(i)] for i in random.integers(0, 3, 40)]
    rows = [
        {
            "question": f"which hue has number {number}, said one to the other?",
            "choices": ["red", "blue", "green"],
            "answer": answer,
            "answers": [answer] * 3 + ["grey"],
            "answer_type": "other" if number % 2 else "colour",
        }
        for number, answer in enumerate(truth)
    ]
    rows[7]["answers"] = None
    found = infer(rows, ["answer"])
    assert list(found.schema.inputs) == ["question", "choices"]
    assert found.findings["answers"].reason == "it says the target 'answer' again, row by row"
    assert "answer" not in infer(rows, ["answers"]).schema.inputs
    loans = [{"loan": a, "loan_type": ("car", "house")[n % 2]} for n, a in enumerate(truth)]
    assert list(infer(loans, ["loan"]).schema.inputs) == ["loan_type"]
    assert "answers" in infer(rows, ["answer"], inputs=["question", "answers"]).schema.inputs


def test_what_keeps_words_from_being_numbers_or_dates_is_said():
    mixed = ["banana" if i % 10 == 3 else f"{i}.5" for i in range(COUNT)]
    finding = told(mixed)
    assert finding.kind == "text"
    assert "90% of the cells are numbers, 'banana' is none: --kind x=number" in finding.reason
    days = ["2024-02-30" if i % 10 == 3 else f"2024-01-{1 + i % 28:02d}" for i in range(COUNT)]
    assert "90% of the cells are dates, '2024-02-30' is none" in told(days).reason
    assert "amounts such as '0 km'" in told([f"{i} km" for i in range(COUNT)]).reason
    assert "amounts such as '$0,000'" in told([f"${i},000" for i in range(COUNT)]).reason
    assert "number" not in told([sentence() for _ in range(COUNT)]).reason


def test_true_numbers_among_words_stay_numbers():
    finding = told(["banana" if i % 5 == 3 else i * 1.5 for i in range(COUNT)])
    assert isinstance(finding.field, Number)
    assert "'banana'" in finding.reason
