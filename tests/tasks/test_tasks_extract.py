"""Extract by hand: tags of spans and back, the best path, scores, missing cells, saving."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

import sensorium as sm
from sensorium import encoders, fusion, tasks
from sensorium.core.batch import Column
from sensorium.core.errors import PartError
from sensorium.core.faults import Ledger
from sensorium.preprocess import Preprocess, Shelf
from sensorium.preprocess.spans import Slot
from sensorium.tasks.span_head import (
    IGNORED,
    SpanHead,
    allowed_tags,
    best_tags,
    slots_of_tags,
    tags_of_spans,
)
from sensorium.testing import check_task

WIDTH = 16
THINGS, ROOMS = ("heating", "lights", "radio"), ("kitchen", "hall", "small room")


def rows(count=60, seed=0):
    draws = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        thing, room = draws.choice(THINGS), draws.choice(ROOMS)
        said = draws.choice([f"put the {thing} in the {room} on", f"{room}: {thing} off"])
        spans = [{"label": "thing", "text": thing}, {"label": "room", "text": room}]
        made.append({"said": str(said), "spans": spans, "hour": float(draws.integers(24))})
    return made


def model_of(table_rows, text=None, encoder=None, meet=None, inputs=("said",), ledger=None):
    kinds = {"said": sm.Text(tokenizer=text or "bpe", max_tokens=40), "hour": sm.Number()}
    schema = sm.Schema({name: kinds[name] for name in inputs}, {"spans": sm.Spans(text="said")})
    table = sm.read(table_rows).with_schema(schema)
    prep = Preprocess.fit(table, ledger=ledger)
    parts = {"said": encoder or encoders.TextLSTM(width=WIDTH), "hour": encoders.Numbers(WIDTH)}
    model = sm.Model(
        prep,
        encoders={name: parts[name] for name in inputs},
        fusion=meet or fusion.Concat(width=WIDTH),
        task=tasks.Extract("spans", "said"),
    )
    return model, table


# --- tags -------------------------------------------------------------------------------------


def test_tokens_take_the_tag_of_the_span_that_they_share_a_character_with():
    places = torch.tensor([[[0, 0], [0, 3], [4, 7], [8, 11], [11, 15], [16, 18], [18, 18]]])
    spans = torch.tensor([[[1, 4, 7], [0, 8, 15], [2, 16, 18]]])
    real = torch.ones(1, 3, dtype=torch.bool)
    found = tags_of_spans(spans, real, places, labels=2)
    assert found.tolist() == [[0, 0, 3, 1, 2, IGNORED, 0]]
    none = tags_of_spans(spans, ~real, places, labels=2)
    assert none.tolist() == [[0] * 7]


def test_neighbours_of_one_label_begin_anew():
    places = torch.tensor([[[0, 1], [1, 2], [2, 3]]])
    spans = torch.tensor([[[0, 0, 1], [0, 1, 3]]])
    real = torch.ones(1, 2, dtype=torch.bool)
    assert tags_of_spans(spans, real, places, 1).tolist() == [[1, 1, 2]]


def test_what_may_follow_what():
    outside, begin_a, in_a, begin_b, in_b = range(5)
    may = allowed_tags(2)
    assert may[outside].tolist() == [True, True, False, True, False]
    for tag in (begin_a, in_a):
        assert may[tag].tolist() == [True, True, True, True, False]
    for tag in (begin_b, in_b):
        assert may[tag].tolist() == [True, True, False, True, True]


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_best_path_is_the_best_of_all_that_may_be(seed):
    logits = torch.randn(1, 4, 5, generator=torch.Generator().manual_seed(seed)) * 3
    may, scores = allowed_tags(2), logits[0].log_softmax(1)
    best, value = None, -math.inf
    for path in np.ndindex(5, 5, 5, 5):
        fits = may[0, path[0]] and all(may[a, b] for a, b in pairwise(path))
        total = sum(scores[step, tag].item() for step, tag in enumerate(path))
        if fits and total > value:
            best, value = list(path), total
    assert best_tags(logits, torch.ones(1, 4, dtype=torch.bool))[0].tolist() == best


def test_padding_is_outside_and_ends_a_path():
    logits = torch.zeros(1, 3, 3)
    logits[0, :, 2] = 9.0
    mask = torch.tensor([[True, True, False]])
    assert best_tags(logits, mask).tolist() == [[1, 2, 0]]


def test_tags_become_spans_with_their_words():
    text = "put the small radio on"
    places = [(0, 3), (4, 7), (8, 8), (8, 13), (14, 19), (20, 22)]
    found = slots_of_tags([0, 0, 1, 2, 2, 3], places, ["thing", "state"], text)
    assert found == (Slot("thing", 8, 19, "small radio"), Slot("state", 20, 22, "on"))
    assert slots_of_tags([1, 0], [(0, 0), (0, 3)], ["thing"], text) == ()


@pytest.mark.parametrize("kind", ["bpe", "words", "characters"])
def test_tags_of_true_spans_give_them_back(kind):
    model, table = model_of(rows(20), text=kind)
    batch = model.shelf(table).batch(range(20))
    features = model.features(batch)
    column = batch.columns["spans"]
    places = features.outputs["spans/places"]
    real = column.mask & column.present[:, None]
    tags = tags_of_spans(column.values, real, places, 2)
    logits = F.one_hot(tags, 5).float() * 50
    found = best_tags(logits, features.outputs["spans/mask"])
    head = model.task.heads["spans"]
    labels = head.labels
    for row, truth in enumerate(head.truth(column)):
        text = table.cells("said")[row]
        slots = slots_of_tags(found[row].tolist(), places[row].tolist(), labels, text)
        assert slots == truth


# --- the head ---------------------------------------------------------------------------------


def test_scores_and_errors_by_hand():
    head = SpanHead(("room", "thing"))
    a, b, c = Slot("room", 0, 4, "hall"), Slot("thing", 5, 9), Slot("thing", 5, 8)
    truth, decided = np.empty(4, object), np.empty(4, object)
    truth[:] = [(a, b), (), (b,), None]
    decided[:] = [(Slot("room", 0, 4), c), (), (), ()]
    known = head.known(truth)
    assert known.tolist() == [True, True, True, False]
    scores = head.metrics(truth[known], decided[known])
    assert scores["slot_precision"] == 0.5
    assert scores["slot_recall"] == pytest.approx(1 / 3)
    assert scores["slot_f1"] == pytest.approx(0.4)
    assert head.errors(truth[known], decided[known]).tolist() == [0.5, 0.0, 1.0]
    assert head.in_words((a, b)) == "room: hall, thing: 5-9"
    assert head.in_words(()) == "none"


def test_the_loss_is_the_mean_over_tokens_that_count():
    head = SpanHead(("room",))
    logits = torch.randn(2, 3, 3)
    tags = torch.tensor([[0, 1, 2], [1, IGNORED, 0]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    column = Column(tags, mask, torch.tensor([True, True]))
    each = [F.cross_entropy(logits[r, t], tags[r, t]) for r, t in ((0, 0), (0, 1), (1, 0), (1, 2))]
    assert head.loss(logits, column).item() == pytest.approx(sum(each).item() / 4)
    some = torch.tensor([True, False])
    assert head.loss(logits, column, some).item() == pytest.approx(sum(each[:2]).item() / 2)


def test_decided_outputs_are_objects():
    decided = SpanHead(("room",)).decide(torch.tensor([[[0, 2, 4], [-1, -1, -1]]]))
    assert decided[0] == (Slot("room", 2, 4),)


# --- the task ---------------------------------------------------------------------------------


def prepared(fields=None):
    cells = rows(8)
    schema = sm.Schema(
        {"the.words": sm.Text(tokenizer="words")}, {"spans": sm.Spans(text="the.words")}
    )
    table = [{"the.words": row["said"], "spans": row["spans"]} for row in cells]
    prep = Preprocess.fit(sm.read(table).with_schema(schema))
    return prep.steps, prep(table).columns


def test_it_keeps_the_contract():
    steps, columns = prepared()
    inputs = {"the.words": columns["the.words"]}
    check_task(lambda: tasks.Extract("spans"), steps, {"spans": columns["spans"]}, inputs)


@pytest.mark.parametrize(
    "meet",
    [
        fusion.Concat(width=WIDTH),
        fusion.Early(width=WIDTH),
        fusion.Bottleneck(width=WIDTH),
        fusion.CrossAttention(width=WIDTH),
        fusion.Late(width=WIDTH),
    ],
    ids=lambda meet: type(meet).__name__,
)
def test_the_text_keeps_its_tokens_in_every_fusion(meet):
    model, table = model_of(rows(12), meet=meet, inputs=("hour", "said"))
    batch = model.shelf(table).batch(range(12))
    encoded = model.encode(batch)
    fused = model.fusion(encoded)
    assert fused.own("said").mask.equal(encoded["said"].mask)
    assert fused.own("hour").tokens.shape[1] == encoded["hour"].tokens.shape[1]
    with pytest.raises(KeyError):
        fused.own("other")
    assert len(model.predict(*rows(3))) == 3


def test_it_learns_saves_and_answers_with_cells_missing(tmp_path):
    cells = rows(80)
    cells[3]["spans"] = None
    cells[5]["said"] = None
    cells[5]["spans"] = []
    model, table = model_of(cells, inputs=("said", "hour"))
    plan = sm.Plan(epochs=10, rows_per_step=8, rate=1e-2, precision="fp32")
    run = sm.train(model, table, valid=table, plan=plan, quiet=True)
    assert run.history[-1]["valid"]["spans"]["slot_f1"] > 0.9
    said = "put the radio in the small room on"
    asked = [{"said": said}, {"said": None, "hour": 3.0}, {"said": ""}, {"said": "!"}]
    first, *others = model.predict(*asked)
    assert first == [
        {"label": "thing", "start": 8, "end": 13, "text": "radio"},
        {"label": "room", "start": 21, "end": 31, "text": "small room"},
    ]
    assert others[:2] == [[], []]
    json.dumps(first)
    again = sm.load(model.save(tmp_path / "model"))
    assert again.predict(*asked) == [first, *others]
    report = sm.evaluate(model, table)
    assert report.targets["spans"].fusion.best == "said"
    assert "thing: radio" in report.markdown()
    assert report.html()


def test_damaged_spans_are_in_the_ledger_and_their_rows_still_learn():
    cells = rows(10)
    cells[4]["spans"] = [{"label": "thing", "text": "toaster"}]
    ledger = Ledger()
    model, table = model_of(cells, ledger=ledger)
    assert [(fault.row, fault.column) for fault in ledger] == [(4, "spans")]
    assert not model.shelf(table).present["spans"][4]


def test_chinese_spans_are_found_by_their_characters():
    cells = [
        {"said": f"打开{room}的{thing}", "spans": {"room": room, "thing": thing}, "hour": 1.0}
        for room in ("厨房", "卧室", "客厅")
        for thing in ("灯", "电视", "空调")
    ]
    model, table = model_of(cells * 4, text="characters")
    plan = sm.Plan(epochs=12, rows_per_step=6, rate=1e-2, precision="fp32")
    sm.train(model, table, plan=plan, quiet=True)
    (found,) = model.predict({"said": "打开卧室的空调"})
    assert [(one["label"], one["text"]) for one in found] == [("room", "卧室"), ("thing", "空调")]


def test_one_token_a_text_is_refused_with_advice():
    model, table = model_of(rows(8), encoder=encoders.NGrams(width=WIDTH))
    with pytest.raises(PartError, match="TextTransformer"):
        model.features(model.shelf(table).batch(range(8)))


def test_a_batch_without_its_words_is_refused_with_advice():
    model, table = model_of(rows(8))
    with pytest.raises(PartError, match=r"model\.shelf"):
        model.features(Shelf.of(model.prep, table).batch(range(8)))


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: tasks.Extract("the.words"), "Spans"),
        (lambda: tasks.Extract("spans", "photo"), "lies in 'the.words'"),
    ],
)
def test_targets_that_do_not_fit_are_refused(make, hint):
    steps, _ = prepared()
    with pytest.raises(PartError, match=hint):
        make().setup(WIDTH, ("photo", "the.words"), steps)


def test_the_field_says_in_which_text_spans_lie():
    task = tasks.Extract("spans", "said")
    assert task.wanted == {"spans": sm.Spans}
    assert task.suited("spans", sm.Spans()) == sm.Spans(text="said")
    assert task.suited("spans", sm.Spans(text="other")) == sm.Spans(text="other")
