"""Texts that are to be written: one or several a row, none of them cut."""

import json
import unicodedata

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from simple_table import SimpleTable

from sensorium.core.batch import Column
from sensorium.core.errors import CellError, TableError
from sensorium.core.faults import Ledger
from sensorium.core.schema import Number, Schema, Text
from sensorium.preprocess import Preprocess, Shelf, target_step_for
from sensorium.preprocess.written import Written, WrittenStep
from sensorium.testing import check_step

SEVERAL = ("a red cube", "a cube", "something red")
LETTERS = Text(tokenizer="characters", vocabulary=300, max_tokens=40)


def fitted(field: Text, *cells: object) -> WrittenStep:
    step = target_step_for(field)
    assert isinstance(step, WrittenStep)
    return step.fit([step.read(cell) for cell in cells])


@pytest.mark.parametrize(
    ("cell", "texts"),
    [
        ("a red cube", ("a red cube",)),
        ("  a red cube\n", ("a red cube",)),
        (list(SEVERAL), SEVERAL),
        (SEVERAL, SEVERAL),
        (np.array(SEVERAL), SEVERAL),
        (np.array(SEVERAL, object), SEVERAL),
        (np.str_("a"), ("a",)),
        (json.dumps(SEVERAL), SEVERAL),
        ('["a", null, ""]', ("a",)),
        (["a", None, "", "  ", float("nan")], ("a",)),
        ("[sic] a cube", ("[sic] a cube",)),
        ("[1, 2]", ("[1, 2]",)),
        ('{"a": "b"}', ('{"a": "b"}',)),
        ("[not json]", ("[not json]",)),
        (7, ("7",)),
        (["a", 7], ("a", "7")),
        ("", None),
        ("   ", None),
        (None, None),
        (float("nan"), None),
        ([], None),
        (["", None], None),
        ("[]", None),
        (np.array([]), None),
    ],
)
def test_it_reads_one_text_or_several(cell: object, texts: tuple[str, ...] | None) -> None:
    assert WrittenStep(Text()).read(cell) == texts


@pytest.mark.parametrize(
    "cell", [True, [["a"]], np.array([["a"]]), {"a": 1}, ["a", object()], "\ud800"]
)
def test_what_is_no_text_is_damaged(cell: object) -> None:
    with pytest.raises(CellError):
        WrittenStep(Text()).read(cell)


def test_it_keeps_the_contract_of_steps() -> None:
    cells = ["good", ["bad", "worse"], "fine", "good", '["a", "b"]', "good 漂亮"]
    missing, damaged = (None, "", " ", [], [""], float("nan")), (True, [["a"]])
    check_step(lambda: WrittenStep(Text(max_tokens=20)), cells, missing=missing, damaged=damaged)


def test_the_column_holds_the_first_text_and_carries_all() -> None:
    step = fitted(LETTERS, "ab", ["abc", "b"], None)
    column = step([("ab",), ("abc", "b"), None])
    assert column.texts == (("ab",), ("abc", "b"), ())
    assert column.present.tolist() == [True, True, False]
    assert column.mask.tolist() == [[True, True, False], [True] * 3, [False] * 3]
    assert step.tokens.text(column.values[1].tolist()) == "abc"


def test_columns_keep_their_texts_when_rows_are_taken_and_moved() -> None:
    step = fitted(LETTERS, "ab", "c")
    column = step([("ab",), ("c", "d"), None]).to("cpu")
    some = column.rows(torch.tensor([2, 1, 1]))
    assert some.texts == ((), ("c", "d"), ("c", "d"))
    assert Column(column.values, column.mask, column.present).rows(torch.tensor([0])).texts is None


def test_the_longest_text_is_counted_in_tokens() -> None:
    step = fitted(LETTERS, ["ab", "abcd"], "abc", None)
    assert step.longest == step.layout.length == 4
    assert fitted(LETTERS).layout.length == 1
    assert fitted(Text(tokenizer="characters", max_tokens=3), ["abcdef", "ab"]).longest == 2


@pytest.mark.parametrize("tokenizer", ["bpe", "characters", "words"])
def test_a_text_that_is_too_long_is_refused_with_its_count(tokenizer: str) -> None:
    """Also by one token, however it is counted: BPE writes a space before every text."""
    for most in range(1, 9):
        step = fitted(Text(tokenizer=tokenizer, max_tokens=most), "hello hello")
        for text in ("xyz" * 3, "q w e r t y u", "hello", "é" * 4, "बड़ा", "a b", "𝅘𝅥𝅮"):
            count = len(step.tokens.bare([text])[0])
            if count > most:
                with pytest.raises(CellError, match=f"{count} tokens, the limit is {most}"):
                    step.check((text,))
            else:
                step.check((text,))


def test_too_long_texts_are_named_in_the_ledger_and_nothing_is_cut() -> None:
    schema = Schema({"x": Number()}, {"y": Text(tokenizer="characters", max_tokens=5)})
    rows = [{"x": 1.0, "y": y} for y in ("ab", "abcdefg", ["ab", "abc"], ["a", "abcdef"], "")]
    table = SimpleTable(rows, schema, row_ids=[10, 11, 12, 13, 14])
    ledger = Ledger()
    prep = Preprocess.fit(table, schema, damaged="absent", ledger=ledger)
    named = {(fault.row, fault.column): fault for fault in ledger}
    assert set(named) == {(11, "y"), (13, "y")}
    assert "7 tokens, the limit is 5" in named[11, "y"].found
    assert "max_tokens" in named[11, "y"].advice
    shelf = Shelf.of(prep, table)
    assert [(fault.row, fault.column) for fault in shelf.faults] == [(11, "y"), (13, "y")]
    column = shelf.batch(range(5)).columns["y"]
    assert column.present.tolist() == [True, False, True, False, False]
    assert column.texts == (("ab",), (), ("ab", "abc"), (), ())
    with pytest.raises(TableError, match="7 tokens, the limit is 5"):
        Preprocess.fit(table, schema, damaged="error")
    skipping = Preprocess.fit(table, schema, damaged="skip")
    assert Shelf.of(skipping, table).row_ids == (10, 12, 14)
    assert Shelf.of(skipping, table).texts == {"y": [("ab",), ("ab", "abc"), ()]}


def test_turns_take_one_text_each() -> None:
    schema = Schema({"x": Number()}, {"y": LETTERS})
    rows = [{"x": 1.0, "y": y} for y in (["a", "b", "c"], "d", None, ["e", "f"])]
    table = SimpleTable(rows, schema)
    shelf = Shelf.of(Preprocess.fit(table, schema), table)
    step = shelf.batch([0]).columns["y"]
    assert step.texts == (("a", "b", "c"),)
    seen: list[list[str]] = []
    for turn in range(6):
        column = shelf.batch([0, 1, 2, 3], turn=turn).columns["y"]
        assert column.texts == (("a", "b", "c"), ("d",), (), ("e", "f"))
        assert column.present.tolist() == [True, True, False, True]
        tokens = Preprocess.fit(table, schema).steps["y"].tokens
        pairs = zip(column.values.tolist(), column.mask.tolist(), strict=True)
        seen.append([tokens.text([i for i, m in zip(*p, strict=True) if m]) for p in pairs])
    firsts = [row[0] for row in seen]
    assert set(firsts[:3]) == {"a", "b", "c"}
    assert firsts[:3] == firsts[3:]
    assert {row[3] for row in seen[:2]} == {"e", "f"}
    assert {row[1] for row in seen} == {"d"}


def test_lengths_are_those_of_the_longest_text() -> None:
    step = fitted(LETTERS, "abc")
    kept = Written(step)
    kept.add([("a", "abc"), None])
    kept.add([("ab",)])
    assert kept.lengths().tolist() == [3, 0, 2]


@pytest.mark.parametrize(
    "text", ["a 😀 emoji", "👩‍👩‍👧", "naïve café", "ｆｕｌｌ", "ꙮ ⸘ ﷽", "日本語", "a\tb\nc"]
)
def test_bytes_stand_in_for_characters_never_seen(text: str) -> None:
    step = fitted(Text(), "a red cube", "a blue ball")
    ids = step([(text,)]).values[0].tolist()
    assert step.tokens.text(ids) == text
    assert not {0, 1} & set(ids)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_any_text_survives_bytes_but_for_its_normal_form(text: str) -> None:
    step = fitted(Text(max_tokens=1_000), "a red cube")
    ids = step.tokens.bare([text])[0]
    assert step.tokens.text(ids) == unicodedata.normalize("NFC", text).strip()


def test_chinese_is_written_in_words_without_spaces() -> None:
    pytest.importorskip("jieba")
    texts = ["我喜欢红色的立方体", "我喜欢蓝色的球", "天气很好"]
    step = fitted(Text(tokenizer="words", vocabulary=300), *texts)
    assert step.chinese
    column = step([(text,) for text in texts])
    assert int(column.mask[0].sum()) < len(texts[0])
    for row, text in enumerate(texts):
        ids = column.values[row][column.mask[row]].tolist()
        assert step.tokens.text(ids) == text
    assert not fitted(Text(tokenizer="words"), "a cube", "a ball").chinese


def test_what_was_learned_comes_back() -> None:
    pytest.importorskip("jieba")
    for field in (Text(), LETTERS, Text(tokenizer="words", vocabulary=300)):
        step = fitted(field, "我喜欢红色", ["a", "我喜欢"], None)
        state = json.loads(json.dumps(dict(step.state())))
        again = WrittenStep(field).restore(state)
        assert again.layout == step.layout
        assert (again.longest, again.chinese) == (step.longest, step.chinese)
        cells = [("我喜欢", "b"), None, ("a",)]
        assert torch.equal(again(cells).values, step(cells).values)


def test_a_prep_with_texts_comes_back() -> None:
    schema = Schema({"x": Number()}, {"y": LETTERS})
    table = SimpleTable([{"x": 1.0, "y": "ab"}, {"x": 2.0, "y": ["c", "d"]}], schema)
    prep = Preprocess.fit(table)
    again = Preprocess.restore(json.loads(json.dumps(prep.state())))
    assert isinstance(again.steps["y"], WrittenStep)
    assert again(table.rows).columns["y"].texts == (("ab",), ("c", "d"))
