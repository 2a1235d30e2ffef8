"""The rows that are picked to be looked at, and how their answers are written."""

import numpy as np
from small_models import Taught

from sensorium.evaluate import collect
from sensorium.evaluate.examples import answer_in_words, examples, is_right, truth_in_words
from sensorium.preprocess import CellView, Shelf
from sensorium.tasks.class_head import ClassHead
from sensorium.tasks.tag_head import TagHead


def test_truth_and_answer_in_words() -> None:
    classes, tags = ClassHead(4, 1, ("a", "b")), TagHead(4, 1, ("x", "y", "z"))
    assert truth_in_words(classes, np.int64(1)) == "b"
    assert truth_in_words(classes, np.int64(2)) == "(never seen in training)"
    assert answer_in_words(classes, np.array([0.25, 0.75])) == "b (75%)"
    assert is_right(classes, np.int64(1), np.array([0.25, 0.75]))
    assert not is_right(classes, np.int64(2), np.array([0.25, 0.75]))
    assert truth_in_words(tags, np.array([1, 0, 1])) == "x, z"
    assert truth_in_words(tags, np.array([0, 0, 0])) == "none"
    assert answer_in_words(tags, np.array([0.9, 0.1, 0.2])) == "x"
    assert not is_right(tags, np.array([1, 0, 1]), np.array([0.9, 0.1, 0.2]))
    assert is_right(tags, np.array([0, 0, 0]), np.array([0.1, 0.1, 0.2]))


def test_the_worst_rows_come_first_and_the_typical_stand_in_the_middle(lonely: Taught) -> None:
    model, table = lonely.model, lonely.test.take(range(199, 140, -1))
    outcome = collect(model, Shelf.of(model.prep, table))
    found = examples(model, table, outcome, "answer")
    judged = outcome.judged("answer")
    errors = judged.head.errors(judged.truth, judged.decided)
    ranked = sorted(errors.tolist(), reverse=True)
    assert [one.error for one in found.worst] == ranked[:6]
    assert [one.error for one in found.typical] == ranked[28:31]
    for one in found.worst:
        place = table.row_ids.index(int(one.row))
        assert errors[place] == one.error
        assert one.cells[0] == CellView("left", "text", table[place]["left"])
        assert one.right == (one.truth == one.answer.split()[0])


def test_of_few_rows_none_is_shown_twice(lonely: Taught) -> None:
    table = lonely.test.slice(0, 4)
    outcome = collect(lonely.model, Shelf.of(lonely.model.prep, table))
    found = examples(lonely.model, table, outcome, "answer")
    assert len(found.worst) == 4
    assert found.typical == ()
