"""Answers by hand, against numbers of VQA's official program, and by SQuAD's rules."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_rows import corpora, draws

from sensorium.core.errors import SensoriumError
from sensorium.metrics import (
    answer_scores,
    answer_words,
    exact_matches,
    judge_answers,
    token_f1s,
    vqa_accuracies,
    vqa_answer,
)
from sensorium.metrics.contractions import CONTRACTIONS

EXACT = 1e-12


@pytest.mark.parametrize(
    ("agree", "expected"), [(0, 0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1), (10, 1)]
)
def test_of_ten_people_four_make_an_answer_wholly_right(agree, expected):
    people = ["yes"] * agree + ["no", "maybe"] * 5
    assert vqa_accuracies(["yes"], [people[:10]]) == pytest.approx([expected], abs=EXACT)


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        (["yes"], 1),
        (["yes", "no"], 0.5),
        (["yes", "yes"], 1),
        (["yes", "yes", "no"], (0.5 + 0.5 + 1) / 3),
        (["no"] * 4, 0),
        (["yes", "no", "no", "no"], (0 + 3 / 3) / 4),
    ],
)
def test_fewer_people_must_all_agree(people, expected):
    assert vqa_accuracies(["yes"], [people]) == pytest.approx([expected], abs=EXACT)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  The Dog.\n", "dog"),
        ("two", "2"),
        ("None", "0"),
        ("ten a. m.", "10 m"),
        ("dont know", "don't know"),
        ("shouldnt've", "shouldn't've"),
        ("red/blue", "red blue"),
        ("red, blue", "red blue"),
        ("1,000", "1000"),
        ("1,000 (yes/no)", "1000 yesno"),
        ("3.5", "3.5"),
        ("U.S.", "us"),
        ("on-top", "on top"),
        ("on - top", "on top"),
        ("what\tis it?", "what is it"),
        ("a", ""),
        ("black & white", "black & white"),
        ("somebody'd", "somebodyd"),
        ("its", "its"),
    ],
)
def test_clean_up_is_that_of_the_official_program(text, cleaned):
    assert vqa_answer(text) == cleaned


def test_contractions():
    assert len(CONTRACTIONS) == 114
    assert CONTRACTIONS["yall'll"] == CONTRACTIONS["y'allll"] == "y'all'll"
    assert "shed" not in CONTRACTIONS


def test_answers_are_cleaned_up_only_where_people_differ():
    """So the official program does it; one person alone, whom it does not know, is cleaned up."""
    differ, same = ["the dog"] * 9 + ["cat"], ["the dog"] * 10
    assert vqa_accuracies(["A dog.", "A dog.", "the dog"], [differ, same, same]).tolist() == [
        1,
        0,
        1,
    ]
    assert vqa_accuracies(["A dog."], [["the dog"]]) == [1]


@pytest.mark.parametrize(
    ("candidate", "references", "exact", "f1"),
    [
        ("The Eiffel Tower!", ["eiffel tower", "Tower"], 1, 1),
        ("in the big tower", ["tower of London", "a big tower"], 0, 4 / 5),
        ("blue", ["red"], 0, 0),
        ("", ["the"], 1, 1),
        ("", ["red"], 0, 0),
        ("red red blue", ["red blue blue"], 0, 2 / 3),
        ("1,000", ["1000"], 1, 1),
        ("二十一岁。", ["二十 一岁", "21"], 1, 1),
        ("大约“21”岁", ["２１岁"], 0, 2 * 2 / 6),
        ("北京", ["南京"], 0, 1 / 2),
    ],
)
def test_squad_by_hand(candidate, references, exact, f1):
    assert exact_matches([candidate], [references]) == [exact]
    assert token_f1s([candidate], [references]) == pytest.approx([f1], abs=EXACT)


def test_articles_are_whole_words():
    assert answer_words("An apple, a banana and the theatre") == [
        "apple",
        "banana",
        "and",
        "theatre",
    ]


@settings(max_examples=60, deadline=None)
@given(corpora)
def test_bounds_and_the_order_of_rows(corpus):
    forth = judge_answers(*zip(*corpus, strict=True))
    back = judge_answers(*zip(*corpus[::-1], strict=True))
    for name in ("vqa", "exact", "token_f1"):
        values = getattr(forth, name)
        assert ((values >= 0) & (values <= 1)).all()
        assert (getattr(back, name)[::-1] == values).all()
    assert (forth.token_f1 >= forth.exact).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["yes", "no", "2", "red"]), min_size=1, max_size=10), st.data())
def test_vqa_accuracy_averages_over_whom_was_left_out(people, data):
    said = data.draw(st.sampled_from(["yes", "2", "cat"]))
    enough = min(3, len(people) - 1)
    shares = [
        min(1, (people[:i] + people[i + 1 :]).count(said) / enough) if enough else said == people[0]
        for i in range(len(people))
    ]
    assert vqa_accuracies([said], [people]) == pytest.approx([np.mean(shares)], abs=EXACT)


def test_scores_by_name_and_by_draw():
    answered = judge_answers(["yes", "red car", "3"], [["yes"], ["a red bus"], ["4", "three", "3"]])
    scores = answer_scores(answered)
    assert scores == pytest.approx(
        {
            "vqa_accuracy": (1 + 0 + (1 / 2 + 1 / 2 + 1) / 3) / 3,
            "exact_match": 2 / 3,
            "token_f1": (1 + 1 / 2 + 1) / 3,
        },
        abs=EXACT,
    )
    drawn = draws(3)
    at_once = answer_scores(answered, drawn)
    for place, draw in enumerate(drawn):
        for name, score in answer_scores(answered, draw).items():
            assert at_once[name][place] == pytest.approx(score, abs=EXACT)


def test_rows_without_an_answer_are_refused():
    with pytest.raises(SensoriumError, match="row 0 has no reference"):
        judge_answers(["yes"], [[]])
