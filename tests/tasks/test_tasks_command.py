"""Command by hand: thresholds, refusals, slots of both kinds, the contract, saving."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import sensorium as sm
from sensorium import encoders, fusion, tasks
from sensorium.core.batch import Column
from sensorium.core.describe import build, describe
from sensorium.core.errors import PartError
from sensorium.metrics.scope import in_scope_accuracy, out_of_scope_recall, scope_threshold
from sensorium.preprocess import Preprocess
from sensorium.preprocess.spans import Slot
from sensorium.tasks.command import by_label
from sensorium.tasks.scope_head import OUTSIDE, ScopeHead
from sensorium.testing import check_task

WIDTH = 16


def column(numbers, present=None):
    values = torch.tensor(numbers)[:, None]
    there = torch.ones(len(values), dtype=torch.bool) if present is None else torch.tensor(present)
    return Column(values, there[:, None], there)


# --- scores and thresholds --------------------------------------------------------------------


def test_scores_of_scope_by_hand():
    truth, chosen = np.array([0, 1, 1, 2, 2]), np.array([0, 1, 2, 2, 0])
    assert in_scope_accuracy(truth, chosen, 2) == pytest.approx(2 / 3)
    assert out_of_scope_recall(truth, chosen, 2) == 0.5
    weight = np.array([[1, 1, 1, 1, 1], [0, 0, 2, 0, 1]])
    assert in_scope_accuracy(truth, chosen, 2, weight).tolist() == pytest.approx([2 / 3, 0])
    assert out_of_scope_recall(truth, chosen, 2, weight).tolist() == [0.5, 0]


def test_a_threshold_parts_what_can_be_parted():
    inside = np.array([True, True, True, False] * 200)
    sure = np.array([0.9, 0.8, 0.7, 0.2] * 200)
    assert scope_threshold(inside, inside, sure, 0.95) == pytest.approx(0.45)


def test_of_thresholds_that_rows_cannot_tell_apart_the_lowest_is_taken():
    inside = np.array([True] * 1000 + [False] * 200)
    sure = np.concatenate(
        [np.full(950, 0.8), np.full(50, 0.5), np.full(140, 0.2), np.full(60, 0.6)]
    )
    # Above 0.6: 0.95 in scope and all refused; above 0.2: all in scope and 0.7 refused.
    assert scope_threshold(inside, inside, sure, 0.95) == pytest.approx(0.7)
    sure[1140:] = [0.2] * 48 + [0.6] * 12
    # Now 0.95 and 1.0 against 1.0 and 0.94: too near to tell, and the lower one refuses less.
    assert scope_threshold(inside, inside, sure, 0.95) == pytest.approx(0.35)


def test_what_is_refused_whatever_the_threshold_does_not_choose_it():
    inside = np.array([True] * 100 + [False] * 100)
    sure = np.concatenate([np.full(100, 0.4), np.full(100, -1.0)])
    assert scope_threshold(inside, inside, sure, 0.95) == 0.0


def test_without_rows_out_of_scope_a_share_of_the_right_answers_is_kept():
    sure, right = np.arange(1, 101) / 100, np.ones(100, bool)
    found = scope_threshold(right, right, sure, 0.95)
    assert (sure >= found).mean() == pytest.approx(0.95)
    assert scope_threshold(right, right, sure, 1.0) <= 0.01
    assert scope_threshold(~right, right, sure, 0.95) == 0.0


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_a_threshold_is_within_two_errors_of_the_best(seed):
    draws = np.random.default_rng(seed)
    inside = draws.random(40) < 0.7
    right, sure = inside & (draws.random(40) < 0.8), draws.random(40)
    if inside.all() or not right.any():
        return

    def worth(level):
        given = sure >= level
        return (right & given).sum() / inside.sum() / 2 + (~given & ~inside).sum() / (
            2 * (~inside).sum()
        )

    best = max(worth(level) for level in np.linspace(0, 1, 500))
    assert worth(scope_threshold(right, inside, sure, 0.95)) >= best - 0.25


# --- the head ---------------------------------------------------------------------------------


def head_of(labels, outside=None):
    return ScopeHead(WIDTH, 1, labels, outside=outside)


def test_a_row_below_the_threshold_is_out_of_scope():
    head = head_of(("lights", "none", "radio"), "none")
    decided = np.array([[0.6, 0.3, 0.1], [0.3, 0.3, 0.4], [0.2, 0.7, 0.1]])
    assert head.names == ("lights", "none", "radio")
    assert head.confidence(decided).tolist() == [0.6, 0.4, 0.2]
    assert head.answers(decided) == ["lights", "radio", None]  # none is more probable than lights
    head.threshold.fill_(0.5)
    assert head.answers(decided) == ["lights", None, None]
    truth = head.truth(column([0, 2, 1, 3], [True, True, True, True]))
    assert truth.tolist() == [0, 2, 1, 1]  # a class never seen is out of scope
    scores = head.metrics(truth[:3], decided)
    assert scores["in_scope_accuracy"] == 0.5
    assert scores["in_scope_accuracy_unrefused"] == 1.0
    assert scores["out_of_scope_recall"] == 1.0
    assert scores["scope_auroc"] == 1.0
    assert scores["accuracy"] == pytest.approx(2 / 3)  # a refusal is right where none is asked for
    assert head.score(truth[:3], decided) == 0.5


def test_out_of_scope_is_a_name_of_its_own_where_no_class_is():
    head = head_of(("lights", "radio"))
    assert head.names == ("lights", "radio", OUTSIDE)
    decided = head.decide(torch.zeros(2, 2))
    assert decided.tolist() == [[0.5, 0.5, 0.0]] * 2
    truth = head.truth(column([1, 2], [True, True]))
    assert truth.tolist() == [1, 2]
    assert head.errors(truth, decided) == pytest.approx([np.log(2)] * 2)
    assert "out_of_scope_recall" not in head.metrics(truth[:1], decided[:1])


def test_the_threshold_is_learned_and_saved():
    head = head_of(("a", "b"), "b")
    assert head.learns_threshold
    decided = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7]])
    head.fit_thresholds(np.array([0, 0, 1, -1] * 200), np.tile(decided, (200, 1)))
    assert head.threshold.item() == 0.0  # all that is out of scope is refused as such
    head.fit_thresholds(np.array([0, 1] * 200), np.tile([[0.9, 0.1], [0.6, 0.4]], (200, 1)))
    assert head.threshold.item() == pytest.approx(0.75)
    assert "threshold" in head.state_dict()


def test_slots_are_laid_out_by_label():
    slots = (Slot("room", 0, 4, "hall"), Slot("thing", 5, 9, "lamp"), Slot("room", 11, 15, "bath"))
    assert by_label(slots) == {"room": ["hall", "bath"], "thing": "lamp"}
    assert by_label(()) == {}


# --- the task ---------------------------------------------------------------------------------

CELLS = [
    {"the.words": "heat the hall", "intent": "heat", "room": "hall", "thing": "none"},
    {"the.words": "light the bath", "intent": "light", "room": "bath", "thing": "lamp"},
    {"the.words": "heat the bath", "intent": "heat", "room": "bath", "thing": "lamp"},
    {"the.words": "who are you", "intent": "other", "room": "hall", "thing": "none"},
    {"the.words": "light hall", "intent": "light", "room": "hall", "thing": "lamp"},
    {"the.words": "heat it", "intent": "heat", "room": "bath", "thing": "none"},
]
for cells in CELLS:
    cells["spans"] = {"room": cells["room"]} if cells["room"] in cells["the.words"] else []


def prepared():
    targets = {"intent": sm.Category(), "room": sm.Category(), "thing": sm.Category()}
    schema = sm.Schema({"the.words": sm.Text(tokenizer="words")}, {**targets, "spans": sm.Spans()})
    prep = Preprocess.fit(sm.read(CELLS).with_schema(schema))
    return prep.steps, prep(CELLS).columns


MAKES = {
    "intent": lambda: tasks.Command("intent", outside="other"),
    "categories": lambda: tasks.Command("intent", ("room", "thing"), kept=0.9, auxiliary=0.0),
    "spans": lambda: tasks.Command("intent", "spans", "the.words", "other"),
}


@pytest.mark.parametrize("name", MAKES)
def test_it_keeps_the_contract(name):
    steps, columns = prepared()
    make = MAKES[name]
    targets = {target: columns[target] for target in make().targets}
    inputs = {"the.words": columns["the.words"]} if name == "spans" else {}
    check_task(make, steps, targets, inputs, new_process=name == "spans")


@pytest.mark.parametrize("name", MAKES)
def test_it_is_rebuilt_from_its_description(name):
    task = MAKES[name]()
    again = build(json.loads(json.dumps(describe(task))), tasks.TASKS)
    assert describe(again) == describe(task)
    assert again.targets == task.targets
    assert again.wanted == task.wanted


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: tasks.Command("intent", "intent"), "'intent' is named twice"),
        (lambda: tasks.Command("intent", kept=0), "kept is a share"),
        (lambda: tasks.Command("intent", auxiliary=-1), "auxiliary"),
        (lambda: tasks.Command("intent", label_smoothing=1.0), "label_smoothing"),
        (lambda: tasks.Command("intent", ("room",), "said"), "slots that are spans"),
    ],
)
def test_options_that_cannot_be_are_refused(make, hint):
    with pytest.raises(PartError, match=hint):
        make()


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: tasks.Command("intent", outside="others"), "did you mean 'other'"),
        (lambda: tasks.Command("spans"), "Category"),
        (lambda: tasks.Command("intent", "room"), "Spans"),
        (lambda: tasks.Command("intent", ("spans",)), "Category"),
    ],
)
def test_targets_that_do_not_fit_are_refused(make, hint):
    steps, _ = prepared()
    with pytest.raises(PartError, match=hint):
        make().setup(WIDTH, ("photo", "the.words"), steps)


# --- in use -----------------------------------------------------------------------------------


def spoken(count, seed):
    draws = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        thing, room = draws.choice(["heater", "lamp"]), draws.choice(["hall", "bath"])
        if draws.random() < 0.25:
            made.append({"said": f"tell me of the {draws.choice(['moon', 'sea'])}",
                         "intent": "other", "spans": [], "room": None})  # fmt: skip
        else:
            spans = [{"label": "room", "text": room}]
            made.append({"said": f"{thing} in the {room} please", "intent": f"use {thing}",
                         "spans": spans, "room": room})  # fmt: skip
    return made


def taught(task, targets):
    schema = sm.Schema({"said": sm.Text(tokenizer="words")}, targets)
    table = sm.read(spoken(80, 0)).with_schema(schema)
    model = sm.Model(
        Preprocess.fit(table),
        encoders={"said": encoders.TextLSTM(width=WIDTH)},
        fusion=fusion.Concat(width=WIDTH),
        task=task,
    )
    plan = sm.Plan(epochs=16, rows_per_step=8, rate=1e-2, precision="fp32")
    valid = sm.read(spoken(40, 1)).with_schema(schema)
    return sm.train(model, table, valid=valid, plan=plan, quiet=True).model, valid


def test_commands_are_understood_and_what_is_none_is_refused(tmp_path):
    targets = {"intent": sm.Category(), "spans": sm.Spans()}
    model, valid = taught(tasks.Command("intent", "spans", outside="other"), targets)
    asked = [{"said": "lamp in the bath please"}, {"said": "tell me of the moon"}, {"said": None}]
    first, second, third = model.predict(*asked)
    assert first["intent"] == "use lamp"
    assert first["slots"] == {"room": "bath"}
    assert first["confidence"] >= model.task.heads["intent"].threshold.item()
    assert (second["intent"], second["slots"]) == (None, {})
    assert third["slots"] == {}
    assert sm.load(model.save(tmp_path / "model")).predict(*asked) == [first, second, third]
    scores = model.answers([asked[0]])[0].scores["intent"]
    assert list(scores) == ["other", "use heater", "use lamp"]
    report = sm.evaluate(model, valid)
    found = report.targets["intent"].metrics
    assert found["in_scope_accuracy"].value > 0.9
    assert found["out_of_scope_recall"].value > 0.9
    assert report.targets["spans"].metrics["slot_f1"].value > 0.9
    assert report.html()


def test_slots_may_be_categories():
    targets = {"intent": sm.Category(), "room": sm.Category()}
    model, _ = taught(tasks.Command("intent", ("room",), outside="other"), targets)
    (found,) = model.predict({"said": "heater in the hall please"})
    assert found["intent"] == "use heater"
    assert found["slots"] == {"room": "hall"}
