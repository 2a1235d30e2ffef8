"""The small pieces: modalities, baselines, subsets, classes, calibration."""

import numpy as np
import pytest
from small_models import chances

from sensorium.core.errors import PartError
from sensorium.core.schema import Audio, Category, Date, Flag, Image, Number, Text
from sensorium.evaluate.baseline import baseline
from sensorium.evaluate.by_class import NEVER_SEEN, class_scores, confusion_of
from sensorium.evaluate.calibration import calibration_of
from sensorium.evaluate.modalities import modalities
from sensorium.evaluate.subsets import subsets
from sensorium.tasks.class_head import ClassHead
from sensorium.tasks.tag_head import TagHead
from sensorium.tasks.value_head import ValueHead

HEAD = ClassHead(4, 1, ("a", "b", "c"))


class Plain:
    def inverse(self, values: np.ndarray) -> np.ndarray:
        return values


def test_plain_columns_are_one_modality_beside_media() -> None:
    inputs = {"beds": Number(), "photo": Image(), "city": Category(), "built": Date()}
    assert modalities(inputs) == {"photo": ("photo",), "table": ("beds", "city", "built")}


def test_a_single_plain_column_keeps_its_name() -> None:
    inputs = {"words": Text(), "price": Number()}
    assert modalities(inputs) == {"words": ("words",), "price": ("price",)}


def test_plain_columns_by_themselves_each_count() -> None:
    assert modalities({"x": Number(), "y": Flag()}) == {"x": ("x",), "y": ("y",)}


def test_many_plain_columns_are_one_together() -> None:
    some = {f"x{number}": Number() for number in range(20)}
    assert len(modalities(some)) == 20
    assert modalities(some | {"y": Flag()}) == {"table": (*some, "y")}


def test_a_column_called_table_keeps_its_name() -> None:
    inputs = {"table": Audio(), "x": Number(), "y": Flag()}
    assert modalities(inputs) == {"table": ("table",), "table columns": ("x", "y")}


def test_the_majority_class_is_the_baseline() -> None:
    found = baseline(HEAD, np.array([1, 1, 0, -1, 1]))
    assert found.title == "always b"
    assert found.decided(2) == pytest.approx(np.array([[0.25, 0.75, 0.0]] * 2))


def test_tags_are_guessed_at_their_usual_rate() -> None:
    head = TagHead(4, 1, ("x", "y"))
    found = baseline(head, np.array([[1, 0], [-1, -1], [1, 1]]))
    assert found.decided(1).tolist() == [[1.0, 0.5]]


def test_numbers_are_guessed_as_the_mean() -> None:
    found = baseline(ValueHead(4, 1, Plain()), np.array([1.0, np.nan, 4.0]))
    assert found.title == "always the mean"
    assert found.decided(3).tolist() == [2.5, 2.5, 2.5]


def test_a_target_that_is_never_known_has_no_baseline() -> None:
    with pytest.raises(PartError, match="no training row has the target"):
        baseline(HEAD, np.array([-1, -1]))


@pytest.mark.parametrize(("parts", "count"), [(1, 1), (2, 3), (5, 31), (6, 28), (11, 23)])
def test_as_many_subsets_are_tried_as_the_number_of_parts_allows(parts: int, count: int) -> None:
    names = [f"part {number}" for number in range(parts)]
    found = subsets(names)
    assert len(found) == len(set(found)) == count
    assert found[-1] == tuple(names)
    assert set(found) >= {(name,) for name in names}


def test_of_six_parts_singles_pairs_and_all_but_one_are_tried() -> None:
    sizes = [len(names) for names in subsets("abcdef")]
    assert sizes == [1] * 6 + [2] * 15 + [5] * 6 + [6]


TRUTH = np.array([0, 0, 1, 1, 1, 2])
CHOSEN = np.array([0, 1, 1, 1, 0, 1])


def test_each_class_is_scored_by_itself() -> None:
    found = class_scores(HEAD, TRUTH, chances(CHOSEN.tolist(), 3))
    assert [c.name for c in found] == ["a", "b", "c"]
    assert [c.rows for c in found] == [2, 3, 1]
    assert [c.precision for c in found] == pytest.approx([1 / 2, 2 / 4, 0])
    assert [c.recall for c in found] == pytest.approx([1 / 2, 2 / 3, 0])
    assert [c.f1 for c in found] == pytest.approx([1 / 2, 4 / 7, 0])


def test_each_tag_is_scored_at_the_heads_own_thresholds() -> None:
    head = TagHead(4, 1, ("x", "y"))
    truth = np.array([[1, 0], [1, 1], [0, 1]])
    said = np.array([[0.9, 0.6], [0.4, 0.7], [0.1, 0.2]])
    x, y = class_scores(head, truth, said)
    assert (x.rows, x.precision, x.recall) == (2, 1.0, 0.5)
    assert (y.rows, y.precision, y.recall) == (2, 0.5, 0.5)


def test_numbers_have_no_classes() -> None:
    head = ValueHead(4, 1, Plain())
    assert class_scores(head, np.zeros(2), np.zeros(2)) == ()
    assert confusion_of(head, np.zeros(2), np.zeros(2)) is None
    assert calibration_of(head, np.zeros(2), np.zeros(2)) is None


def test_mistakes_are_counted_and_the_most_frequent_come_first() -> None:
    found = confusion_of(HEAD, TRUTH, chances(CHOSEN.tolist(), 3))
    assert found is not None
    assert found.counts.tolist() == [[1, 1, 0], [1, 2, 0], [0, 1, 0]]
    named = {(m.true, m.answered, m.rows) for m in found.mistakes()}
    assert named == {("a", "b", 1), ("b", "a", 1), ("c", "b", 1)}
    assert len(found.mistakes(2)) == 2


def test_a_class_never_seen_in_training_gets_a_row_of_its_own() -> None:
    found = confusion_of(HEAD, np.array([0, 3, 3]), chances([0, 1, 1], 3))
    assert found is not None
    assert found.true == ("a", "b", "c", NEVER_SEEN)
    assert found.counts[-1].tolist() == [0, 2, 0]
    (mistake,) = found.mistakes()
    assert (mistake.true, mistake.answered, mistake.rows) == (NEVER_SEEN, "b", 2)


def test_a_sure_model_that_errs_half_the_time_is_off_by_two_fifths() -> None:
    found = calibration_of(HEAD, np.array([0, 0, 0, 0]), chances([0, 0, 1, 1], 3, sure=0.9))
    assert found is not None
    (only,) = found.bins
    assert (only.answers, only.stated, only.happened) == (4, pytest.approx(0.9), 0.5)
    assert found.error == pytest.approx(0.4)


def test_tags_are_calibrated_over_all_pairs_of_row_and_tag() -> None:
    head = TagHead(4, 1, ("x", "y"))
    found = calibration_of(head, np.array([[1, 0], [1, 0]]), np.array([[0.75, 0.25]] * 2))
    assert found is not None
    assert [(b.answers, b.stated, b.happened) for b in found.bins] == [(2, 0.25, 0), (2, 0.75, 1)]
    assert found.error == pytest.approx(0.25)
