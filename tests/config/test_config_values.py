"""Values against annotations: one answer for each shape that a signature can have."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from sensorium.config.values import annotations, check_call, check_part, check_value, expected
from sensorium.core.errors import PartError
from sensorium.core.schema import FIELDS, Field, Number
from sensorium.fusion import FUSIONS, Concat, Fusion
from sensorium.tasks import TASKS, Several, Task

FITS = [
    (3, int, 3),
    (3, float, 3),
    (0.5, float, 0.5),
    (True, bool, True),
    ("a", str, "a"),
    ("a", Path, Path("a")),
    ("a", Literal["a", "b"], "a"),
    (2, int | None, 2),
    ("x", int | str, "x"),
    (["a", "b"], tuple[str, ...], ("a", "b")),
    (["a", 1], tuple[str, int], ("a", 1)),
    ([], Sequence[float], ()),
    ({"a": 1}, Mapping[str, float], {"a": 1}),
    ({"a": 1}, Literal["balanced"] | Mapping[str, float] | None, {"a": 1}),
    (object, Any, object),
]
MISFITS = [
    (True, int, "expected a whole number, found True"),
    (2.0, int, "expected a whole number, found 2.0"),
    (True, float, "expected a number, found True"),
    (1, bool, "expected true or false, found 1"),
    (1, str, "expected a text, found 1"),
    (1, Literal[True, "a"], "expected one of True, 'a', found 1"),
    ("balancd", Literal["balanced", "none"], "(did you mean 'balanced'?)"),
    ("x", int | None, "expected a whole number, found 'x'"),
    ([1], int | str, "expected a whole number or a text, found [1]"),
    (["a", 1], tuple[str, ...], "key[1]: expected a text, found 1"),
    (["a"], tuple[str, int], "expected 2 values, found 1"),
    ("a", tuple[str, ...], "expected a list of a text, found 'a'"),
    ({"a": "x"}, Mapping[str, float], "[part.key] a: expected a number, found 'x'"),
]


@pytest.mark.parametrize(("value", "hint", "made"), FITS)
def test_what_fits_is_kept(value: Any, hint: Any, made: Any) -> None:
    checked = check_value("part", "key", value, hint, {})
    assert checked.faults == ()
    assert checked.value == made


@pytest.mark.parametrize(("value", "hint", "fault"), MISFITS)
def test_what_does_not_fit_is_named(value: Any, hint: Any, fault: str) -> None:
    (found,) = check_value("part", "key", value, hint, {}).faults
    assert found.startswith("[part")
    assert fault in found


def test_annotations_are_read_from_the_class_itself() -> None:
    assert annotations(Concat) == {"width": int, "hidden": int, "dropout": float}
    assert annotations(Number) == {"scaling": Literal["standard", "quantile", "log", "none"]}
    assert annotations(Several)["tasks"] == Sequence[Task]


def test_a_part_is_made_with_its_keywords() -> None:
    checked = check_part("fusion", {"part": "Concat", "width": 8}, FUSIONS, Fusion)
    assert checked.faults == ()
    assert isinstance(checked.value, Concat)
    assert (checked.value.width, checked.value.hidden) == (8, 0)


def test_nested_parts_are_made_and_given_in_order() -> None:
    tasks = [{"part": "Classify", "target": "a"}, {"part": "Regress", "targets": ["b", "c"]}]
    checked = check_part("task", {"part": "Several", "tasks": tasks}, TASKS, Task)
    assert checked.faults == ()
    assert checked.value.targets == ("a", "b", "c")


def test_faults_deep_inside_name_their_place() -> None:
    tasks = [{"part": "Classify", "target": 3}, {"part": "Regres"}, "Tag"]
    checked = check_part("task", {"part": "Several", "tasks": tasks}, TASKS, Task)
    assert checked.faults[:2] == (
        "[task.tasks[0]] target: expected a text, found 3",
        "[task.tasks[1]] part: no task is called 'Regres' (did you mean 'Regress'?)",
    )
    assert checked.faults[2] == "[task.tasks[2]]: expected a table with part = NAME, found 'Tag'"


def test_all_faults_of_a_part_come_at_once() -> None:
    """An unknown key, a wrong type and a value out of range, though the class raises only one."""
    given = {"kind": "Image", "sise": 3, "channels": "rgb", "size": 2, "max_pixels": 0}
    faults = check_part("fields.photo", given, FIELDS, Field, key="kind").faults
    assert faults == (
        "[fields.photo] sise: no such key (did you mean 'size'?)",
        "[fields.photo] channels: expected a whole number, found 'rgb'",
        "[fields.photo] size: must be at least 8, found 2",
        "[fields.photo] max_pixels: must be at least 1, found 0",
    )


def test_a_missing_keyword_is_named_with_its_type() -> None:
    faults = check_part("fusion", {"part": "Concat", "hidden": 4}, FUSIONS, Fusion).faults
    assert faults == ("[fusion] width: missing; expected a whole number",)


def test_a_part_behind_another_door_is_refused() -> None:
    faults = check_part("fusion", {"part": "Classify"}, {**FUSIONS, **TASKS}, Fusion).faults
    assert faults[0].startswith("[fusion] part: no fusion is called 'Classify'")


class Touchy:
    """Refuses in a single line, which names no key."""

    def __init__(self, size: int) -> None:
        msg = f"nobody can be {size}"
        raise PartError(msg)


def test_a_refusal_without_a_key_is_given_to_the_section() -> None:
    checked = check_call("here", Touchy, {"size": 3}, {})
    assert checked.faults == ("[here]: nobody can be 3",)


def test_expectations_are_said_in_words() -> None:
    assert expected(tuple[float, ...] | str) == "a list of a number or a text"
    assert expected(Mapping[str, int]) == "a table whose values are a whole number"
    assert expected(Fusion) == "a table with part = NAME"
