"""Spans are read beside their text, and tokens say which characters they stand for."""

import json
import unicodedata
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simple_table import SimpleTable

from sensorium.core.errors import CellError, SchemaError
from sensorium.core.faults import Ledger
from sensorium.core.schema import Schema, Spans, Text
from sensorium.preprocess import Notes, Preprocess, Shelf, target_step_for
from sensorium.preprocess.spans import Slot, SpansStep
from sensorium.preprocess.step import Beside
from sensorium.preprocess.text import TextStep

SAID = "set the heating to twenty degrees"
WARM = (Slot("device", 8, 15, "heating"), Slot("value", 19, 33, "twenty degrees"))


def read(cell, text=SAID):
    return SpansStep(Spans(text="said")).read(Beside(cell, text))


# --- cells ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cell",
    [
        [{"label": "device", "start": 8, "end": 15}, {"label": "value", "start": 19, "end": 33}],
        [{"label": "value", "text": "twenty degrees"}, {"label": "device", "text": "heating"}],
        [{"label": "device", "start": 8, "end": 15, "text": "heating"},
         {"label": "value", "start": None, "end": None, "text": "twenty degrees"}],
        {"device": "heating", "value": "twenty degrees"},
        {"device": ["heating"], "value": "twenty degrees", "room": None},
        np.array([{"label": "device", "text": "heating"},
                  {"label": "value", "text": "twenty degrees"}]),
    ],
)  # fmt: skip
def test_every_form_of_a_cell_says_the_same(cell):
    assert read(cell) == WARM
    if not isinstance(cell, np.ndarray):
        assert read(json.dumps(cell)) == WARM


def test_one_span_may_stand_without_a_list():
    assert read({"label": "device", "text": "heating"}) == WARM[:1]


def test_no_spans_are_an_answer_and_missing_is_unknown():
    assert read([]) == ()
    assert read("[]") == ()
    assert read({}) == ()
    assert read([], None) == ()
    for cell in (None, "", float("nan")):
        assert read(cell) is None


def test_a_text_that_stands_there_twice_is_found_once_each_time():
    found = read({"word": ["on", "on"]}, "on and on")
    assert [(slot.start, slot.end) for slot in found] == [(0, 2), (7, 9)]


@pytest.mark.parametrize(
    ("cell", "text", "hint"),
    [
        ([{"label": "a", "start": 30, "end": 40}], SAID, "from 30 to 40 of a text of 33"),
        ([{"label": "a", "start": 5, "end": 5}], SAID, "from 5 to 5"),
        ([{"label": "a", "start": -1, "end": 5}], SAID, "from -1 to 5"),
        ([{"label": "a", "text": "cooling"}], SAID, "'cooling', which does not stand in the text"),
        ([{"label": "a", "text": "heating"}], None, "a text that is missing"),
        ([{"label": "a", "start": 0, "end": 3, "text": "put"}], SAID, "but 'set' stands at 0 to 3"),
        ([{"label": "a", "start": 0, "end": 7}, {"label": "b", "text": "the"}], SAID, "overlap"),
        ("set the", SAID, "JSON"),
        (7, SAID, "list of spans"),
        ([7], SAID, "a span such as"),
        ([{"start": 0, "end": 3}], SAID, "a span such as"),
        ([{"label": "a", "start": 0.5, "end": 3}], SAID, "a span such as"),
        ({"device": 7}, SAID, "a span such as"),
    ],
)
def test_damaged_cells_are_told_apart(cell, text, hint):
    with pytest.raises(CellError, match=hint):
        read(cell, text)


# --- columns ----------------------------------------------------------------------------------


def prepared(rows, schema=None):
    schema = schema or Schema({"said": Text(tokenizer="words")}, {"slots": Spans()})
    ledger = Ledger()
    return Preprocess.fit(SimpleTable(rows, schema), ledger=ledger), ledger


ROWS = [
    {"said": SAID, "slots": {"device": "heating", "value": "twenty degrees"}},
    {"said": "lights off", "slots": []},
    {"said": "lights on", "slots": None},
    {"said": "lights on", "slots": [{"label": "device", "text": "radio"}]},
]


def test_a_column_holds_labels_and_places_and_carries_the_words():
    prep, ledger = prepared(ROWS)
    assert prep.steps["slots"].labels == ("device", "value")
    assert [fault.row for fault in ledger] == [3]
    assert "'radio', which does not stand in the text 'lights on'" in next(iter(ledger)).found
    column = prep(ROWS).columns["slots"]
    assert column.values[0].tolist() == [[0, 8, 15], [1, 19, 33]]
    assert column.mask.tolist() == [[True, True], *[[False, False]] * 3]
    assert column.present.tolist() == [True, True, False, False]
    assert column.texts == (("heating", "twenty degrees"), (), (), ())


def test_a_label_that_was_never_seen_gets_the_number_after_the_last():
    prep, _ = prepared(ROWS)
    column = prep([{"said": SAID, "slots": {"verb": "set"}}]).columns["slots"]
    assert column.values.tolist() == [[[2, 0, 3]]]


def test_a_shelf_gives_what_the_step_gives():
    prep, _ = prepared(ROWS)
    shelf = Shelf.of(prep, SimpleTable(ROWS, prep.schema), notes=Notes(words=("said",)))
    batch, same = shelf.batch([1, 0]), prep([ROWS[1], ROWS[0]])
    for name in ("said", "slots"):
        assert batch.columns[name].values.tolist() == same.columns[name].values.tolist()
        assert batch.columns[name].texts == same.columns[name].texts
    assert shelf.texts["said"] == [(row["said"],) for row in ROWS]


def test_what_was_learned_is_given_back():
    prep, _ = prepared(ROWS)
    again = Preprocess.restore(json.loads(json.dumps(prep.state())))
    assert again.steps["slots"].labels == ("device", "value")
    assert again.steps["slots"].beside == "said"


@pytest.mark.parametrize(
    ("inputs", "field", "hint"),
    [
        ({"a": Text(), "b": Text()}, Spans(), "inputs of text: 'a', 'b'"),
        ({"a": Text()}, Spans(text="aa"), "did you mean 'a'"),
    ],
)
def test_spans_need_a_text(inputs, field, hint):
    row = dict.fromkeys(inputs, "word") | {"slots": []}
    with pytest.raises(SchemaError, match=hint):
        prepared([row], Schema(inputs, {"slots": field}))


def test_spans_are_no_input():
    with pytest.raises(SchemaError, match="give but not read"):
        Schema({"slots": Spans()})


# --- places of tokens -------------------------------------------------------------------------

FIELDS = {
    "bpe": Text(max_tokens=500),
    "lower bpe": Text(max_tokens=500, lowercase=True),
    "words": Text(max_tokens=500, tokenizer="words"),
    "lower words": Text(max_tokens=500, tokenizer="words", lowercase=True, stop_words=("the",)),
    "characters": Text(max_tokens=500, tokenizer="characters", lowercase=True),
}
TAUGHT = [SAID, "Der heiße Ofen steht im Café.", "打开厨房的灯 now", "naïve İstanbul"]
WORDS = st.text(st.sampled_from("aA bé.e\u0301İß中文灯 \n\t-'9\u1100\u1161"), max_size=30)


@cache
def taught(field):
    return TextStep(field).fit(TAUGHT)


@pytest.mark.parametrize("name", FIELDS)
@given(text=WORDS)
@settings(max_examples=40, deadline=None)
def test_places_are_as_many_as_ids_in_order_and_in_the_text(name, text):
    step = taught(FIELDS[name])
    places = step.places(text)
    column = step([text])
    assert len(places) == int(column.mask.sum())
    assert all(0 <= start <= end <= len(text) for start, end in places)
    assert places == sorted(places)
    if name != "lower words" and places != [(0, len(text))]:
        covered = {at for start, end in places for at in range(start, end)}
        assert covered >= {at for at, letter in enumerate(text) if not letter.isspace()}


@pytest.mark.parametrize("chinese", [False, True])
@pytest.mark.parametrize("name", ["words", "lower words", "characters"])
@given(text=WORDS)
@settings(max_examples=40, deadline=None)
def test_places_say_what_the_tokens_say(name, chinese, text):
    tokens = TextStep(FIELDS[name]).fit(TAUGHT).tokens
    tokens.chinese = chinese and name != "characters"
    found = [text[start:end] for start, end in tokens.spans([text])[0]]
    words = tokens.words(text)
    assert len(found) == len(words)
    for own, word in zip(found, words, strict=True):
        said = unicodedata.normalize("NFC", own.lower() if tokens.lowercase else own)
        assert unicodedata.normalize("NFC", word) in said


def test_places_of_chinese_are_those_of_its_words():
    step = TextStep(Text(tokenizer="words")).fit(["打开厨房的灯", "关掉卧室的灯"])
    places = step.places("打开厨房的灯")
    assert ["打开厨房的灯"[a:b] for a, b in places] == ["打开", "厨房", "的", "灯"]


def test_a_prefix_is_no_part_of_the_text_and_long_texts_are_cut():
    plain = taught(Text(tokenizer="words"))
    prefixed = taught(Text(tokenizer="words", prefix="query: ", max_tokens=5))
    assert plain.places(SAID)[:3] == [(0, 3), (4, 7), (8, 15)]
    assert prefixed.places(SAID) == [(0, 0), (0, 0), (0, 3), (4, 7), (8, 15)]


def test_a_pretrained_tokenizer_has_marks_that_stand_for_nothing(tiny):
    step = TextStep(Text(tokenizer=str(tiny("bert")), max_tokens=4)).fit([])
    text = "lovely  bright place good"
    assert step.places(text) == [(0, 0), (0, 6), (8, 14), (0, 0)]
    assert int(step([text]).mask.sum()) == 4


def test_the_step_of_a_bare_cell_needs_places():
    step = target_step_for(Spans())
    assert step.read([{"label": "a", "start": 2, "end": 4}]) == (Slot("a", 2, 4),)
    assert str(Slot("a", 2, 4)) == "a: 2-4"
    with pytest.raises(CellError, match="a text that is missing"):
        step.read({"a": "word"})
