"""Every task keeps the public contract, on targets prepared by real steps."""

import numpy as np
import pytest
import torch

from sensorium.core.describe import build, describe
from sensorium.core.errors import PartError
from sensorium.core.schema import Category, Flag, Number, Text
from sensorium.preprocess import step_for
from sensorium.tasks import TASKS, Classify, Command, Regress, Several, Tag
from sensorium.tasks.threshold import kept_below
from sensorium.testing import check_task

CELLS = {
    "mood": (Category(), ["glad", "calm", "cross", "glad", "calm", "cross", "glad"]),
    "is.member": (Flag(), [True, False, True, True, False, True, False]),
    "tags": (Category(many=True), ["a|b", "a", [], "b", "c|a", "c", "b|c"]),
    "price": (Number(), [1, 4, 2, 8, 5, 7.5, -3]),
    "area": (Number(scaling="log"), [10, 400, 2000, 80, 5, 7.5, 3]),
    "review": (Text(), ["good", "bad", "fine", "good", "bad", "fine", "good"]),
    "same": (Category(), ["one"] * 7),
    "always": (Flag(), [True] * 7),
    "untagged": (Category(many=True), [[]] * 7),
}


def prepared(*names):
    steps, columns = {}, {}
    for name in names:
        field, cells = CELLS[name]
        step = step_for(field)
        clean = [step.read(cell) for cell in cells]
        steps[name] = step.fit(clean)
        columns[name] = step(clean)
    return steps, columns


CASES = {
    "classes": (lambda: Classify("mood"), ("mood",)),
    "two classes": (lambda: Classify("is.member"), ("is.member",)),
    "no auxiliary": (lambda: Classify("mood", auxiliary=0.0), ("mood",)),
    "balanced": (lambda: Classify("mood", class_weights="balanced"), ("mood",)),
    "all options": (
        lambda: Classify(
            "mood", class_weights={"glad": 2.0}, label_smoothing=0.1, focal=2.0, auxiliary=1.0
        ),
        ("mood",),
    ),
    "tags": (lambda: Tag("tags"), ("tags",)),
    "tags with options": (lambda: Tag("tags", class_weights="balanced", focal=1.0), ("tags",)),
    "number": (lambda: Regress("price"), ("price",)),
    "numbers": (lambda: Regress("price", "area", huber=1.0), ("price", "area")),
    "several": (
        lambda: Several(Classify("mood"), Tag("tags"), Regress("price", "area"), weights=(1, 2, 3)),
        ("mood", "tags", "price", "area"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_keeps_the_contract(name):
    make, targets = CASES[name]
    check_task(make, *prepared(*targets), new_process=name == "several")


@pytest.mark.parametrize(
    "task",
    [Classify("is.member", threshold="f1"), Classify("is.member", threshold=0.3), Tag("tags"),
     Command("mood"), Regress("price")],
)  # fmt: skip
def test_every_device_can_hold_it(task):
    """Apple's GPUs have no 64-bit floats."""
    task.setup(8, ("photo", "words"), prepared(*task.targets)[0])
    assert torch.float64 not in {state.dtype for state in task.state_dict().values()}


def test_thresholds_in_32_bits_are_never_above_what_they_were():
    exact = np.random.default_rng(0).random(1_000)
    kept = kept_below(exact.tolist()).double().numpy()
    assert (kept <= exact).all()
    np.testing.assert_allclose(kept, exact, rtol=2**-22)
    assert kept_below(1 - 1e-12).item() < 1 - 1e-12
    assert kept_below(0.5).item() == 0.5


@pytest.mark.parametrize("name", CASES)
def test_it_is_rebuilt_from_its_description(name):
    task = CASES[name][0]()
    description = describe(task)
    again = build(description, TASKS)
    assert describe(again) == description
    assert again.targets == task.targets


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: Classify("mood", auxiliary=-1), "auxiliary must be at least 0"),
        (lambda: Classify("mood", label_smoothing=1.0), "label_smoothing"),
        (lambda: Classify("mood", focal=float("nan")), "focal"),
        (lambda: Classify("mood", class_weights="even"), "'balanced' or a mapping"),
        (lambda: Classify("mood", class_weights={"glad": -1}), "glad must be at least 0"),
        (lambda: Tag("tags", focal=-1), "focal"),
        (Regress, "at least one target"),
        (lambda: Regress("price", "price"), "'price' is named twice"),
        (lambda: Regress("price", huber=-1), "huber"),
        (Several, "at least one task"),
        (lambda: Several(Classify("a"), Tag("a")), "'a' belongs to more than one task"),
        (lambda: Several(Classify("a"), weights=(1, 2)), "a weight a task: 1 task, 2 weights"),
        (lambda: Several(Classify("a"), weights=(-1,)), "weight 0 must be at least 0"),
    ],
)
def test_options_that_cannot_be_are_refused(make, hint):
    with pytest.raises(PartError, match=hint):
        make()


def test_all_faults_of_the_options_come_at_once():
    with pytest.raises(PartError) as caught:
        Classify("mood", auxiliary=-1, label_smoothing=2, focal=-3, class_weights="even")
    assert str(caught.value).count("\n  - ") == 4


@pytest.mark.parametrize(
    ("task", "hint"),
    [
        (Classify("price"), "Regress"),
        (Classify("review"), "Category"),
        (Classify("tags"), "Tag"),
        (Classify("same"), "one class only"),
        (Classify("always"), "one class only"),
        (Classify("mood", class_weights={"gladd": 1.0}), "did you mean 'glad'"),
        (Tag("mood"), "many=True"),
        (Tag("untagged"), "no tag"),
        (Regress("mood"), "Classify"),
        (Several(Classify("mood"), Classify("price")), "Regress"),
    ],
)
def test_targets_that_do_not_fit_are_refused_with_advice(task, hint):
    steps, _ = prepared(*task.targets)
    with pytest.raises(PartError, match=hint):
        task.setup(8, ("photo",), steps)
