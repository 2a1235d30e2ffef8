"""Aligning from a table in one line: lists, groups, the report, search and classes by name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sensorium as sm
from sensorium import encoders
from sensorium.auto.aligned import paired
from sensorium.auto.giants import starters
from sensorium.compare import compare
from sensorium.core.errors import PartError, TableError
from sensorium.evaluate import retrieval
from sensorium.evaluate.space import Space
from sensorium.preprocess import Shelf

COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "white": (1, 1, 1),
           "black": (0, 0, 0), "yellow": (1, 1, 0)}  # fmt: skip


def rows(count: int = 120, seed: int = 0) -> list[dict[str, Any]]:
    """Make rows whose vector shows a colour and whose words name it, in two sentences."""
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        name = list(COLOURS)[number % len(COLOURS)]
        seen = np.array([*COLOURS[name], 0.3 * random.normal()]) + 0.05 * random.normal(size=4)
        mark = f"n{number}"
        captions = [f"a {name} thing {mark}", f"it is {name} {mark}"]
        made.append({"id": mark, "seen": seen.tolist(), "caption": captions, "colour": name})
    return made


FIELDS = {"seen": sm.Vector(), "caption": sm.Text(tokenizer="words")}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("aligned") / "run"
    return sm.fit(
        rows(), task=sm.Align("seen", "caption"), kinds=FIELDS, group="id", out=out,
        encoders={"seen": encoders.Vectors(width=16),
                  "caption": encoders.WordVectors(width=16, token_dropout=0.0)},
        plan=sm.Plan(epochs=30, rows_per_step=48, rate=5e-3, modality_dropout=0.0), quiet=True,
    )  # fmt: skip


def test_lists_become_rows_and_the_report_tells_both_directions(run: Any) -> None:
    found = run.report.searches
    assert list(found) == ["seen → caption", "caption → seen"]
    seen = found["seen → caption"]
    assert (seen.queries, seen.items) == (12, 24)
    assert found["caption → seen"].queries == 24
    assert seen.chance["recall_at_1"] == pytest.approx(2 / 24)
    assert seen.chance["recall_at_10"] == pytest.approx(1 - (14 * 13) / (24 * 23))
    ten = seen.metrics["recall_at_10"]
    assert ten.value > 0.9  # the colour is told; which of two alike it was is not
    assert ten.low <= ten.value <= ten.high
    assert run.report.scores == dict.fromkeys(found, "mrr")
    assert any("2.0 items each" in line for line in run.report.choices)


def test_the_report_is_written_in_every_form(run: Any) -> None:
    html = (run.folder / "report.html").read_text()
    assert "Who finds whom" in html
    assert "seen → caption" in run.report.markdown()
    assert "R@1" in run.report.summary()
    assert run.report.to_dict()["searches"]["seen → caption"]["queries"] == 12


def test_the_epochs_were_chosen_by_reciprocal_rank(run: Any) -> None:
    record = run.history[0]
    both = [scores["mrr"] for scores in record["valid"].values()]
    assert record["score"] == pytest.approx(np.mean(both))
    assert run.history[-1]["score"] > 1.5 * run.history[0]["score"]


def test_a_saved_model_tells_how_well_cells_fit(run: Any) -> None:
    model = sm.load(run.folder / "model")
    red = [*COLOURS["red"], 0.0]
    good, bad, none = model.predict(
        {"seen": red, "caption": "it is red"},
        {"seen": red, "caption": "it is blue"},
        {"seen": red},
    )
    assert good > bad
    assert none is None


def test_words_find_what_was_seen_and_both_together_do(run: Any) -> None:
    table = sm.read(rows(24, seed=1))
    index = sm.Index.of(run.model, table, column="seen")
    by_words = index.search(caption="a green thing", top=4)
    assert {hit.row["colour"] for hit in by_words} == {"green"}
    both = index.search(caption="it is blue", seen=[0.0, 0.0, 1.0, 0.0], top=4)
    assert {hit.row["colour"] for hit in both} == {"blue"}
    assert both[0].score == pytest.approx(min(1.0, both[0].score))
    with pytest.raises(PartError, match="'colour'"):
        index.search(colour="red")


def test_classes_are_told_by_their_names(run: Any) -> None:
    told = sm.ZeroShot(run.model, "seen", ["red", "green", "blue"], templates=["it is {}"])
    seen = [{"seen": [*COLOURS[name], 0.0]} for name in told.classes]
    assert told.predict(*seen, {"seen": None}) == ["red", "green", "blue", None]
    scores = told.scores(*seen, {})
    assert scores[:3].sum(1) == pytest.approx(1)
    assert np.isnan(scores[3]).all()
    assert [tags for tags in told.tags(*seen) if len(tags) == 1]
    some = [row for row in rows(60, seed=2) if row["colour"] in told.classes]
    said = told.predict(*({"seen": row["seen"]} for row in some))
    assert np.mean([row["colour"] == name for row, name in zip(some, said, strict=True)]) > 0.9


def test_a_model_that_aligned_nothing_tells_no_classes() -> None:
    labelled = sm.fit(
        rows(40), "colour", inputs=["seen"], kinds=FIELDS, out=None, epochs=1, quiet=True
    ).model  # fmt: skip
    with pytest.raises(PartError, match="fit with task=Align"):
        sm.ZeroShot(labelled, "seen", ["red", "green"])


def test_what_classes_cannot_be_told_by_is_said(run: Any) -> None:
    with pytest.raises(PartError) as error:
        sm.ZeroShot(run.model, "colour", ["red"], by="caption", templates=["no place"])
    for part in ("'colour' lies in no space", "at least two classes", "has no {}"):
        assert part in str(error.value)


@pytest.mark.parametrize("kind", ["logistic", "knn"])
def test_a_probe_learns_from_few_rows(run: Any, kind: Any) -> None:
    few = sm.read(rows(24, seed=3))
    probe = sm.Probe(run.model, "seen", kind=kind, strength=3 if kind == "knn" else None)
    before = run.model.fingerprint
    told = probe.fit(few, "colour").predict(sm.read([*rows(30, seed=4), {"seen": None}]))
    truth = [row["colour"] for row in rows(30, seed=4)]
    assert np.mean([t == p for t, p in zip(truth, told, strict=False)]) > 0.8
    assert told[-1] is None
    assert run.model.fingerprint == before


def test_a_cell_that_recurs_is_not_split_apart() -> None:
    table = sm.read([{"photo": f"{n // 2}.jpg", "caption": f"c{n}"} for n in range(10)])
    found = paired(table, ("photo", "caption"), None)
    assert found.group == "photo"
    assert paired(table, ("photo", "caption"), "caption").group == "caption"


def test_json_lists_are_lists_and_empty_ones_are_left_out() -> None:
    table = sm.read([{"a": "x", "b": '["one", "two"]'}, {"a": "y", "b": "[]"}, {"a": "z", "b": ""}])
    found = paired(table, ("a", "b"), None)
    assert found.table.cells("b") == ["one", "two"]
    assert found.table.cells("a") == ["x", "x"]


def test_an_aligned_model_cannot_do_without_a_column(run: Any) -> None:
    with pytest.raises(PartError, match="judged by its pairs"):
        sm.evaluate(run.model, sm.read(rows(6)).explode("caption"), without=["seen"])


def test_two_fits_are_alike(tmp_path: Path) -> None:
    def fit() -> sm.Model:
        return sm.fit(
            rows(40), task=sm.Align("seen", "caption"), kinds=FIELDS, group="id", out=None,
            plan=sm.Plan(epochs=2, rows_per_step=16, precision="fp32"), quality="fast", quiet=True,
        ).model  # fmt: skip

    assert fit().fingerprint == fit().fingerprint


def test_a_table_of_lists_is_judged_as_it_was_learned(run: Any) -> None:
    whole = sm.evaluate(run.model, sm.read(rows(12, seed=5)))
    taken = sm.evaluate(run.model, sm.read(rows(12, seed=5)).explode("caption"))
    assert whole.rows == 24
    assert whole.searches["seen → caption"].metrics == taken.searches["seen → caption"].metrics


def test_more_cells_than_are_searched_leave_every_query_a_partner(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "MOST", 7)
    found = sm.evaluate(run.model, sm.read(rows(12, seed=5))).searches
    assert (found["seen → caption"].queries, found["seen → caption"].items) == (4, 7)
    assert (found["caption → seen"].queries, found["caption → seen"].items) == (7, 4)
    assert all(np.isfinite(i.value) for f in found.values() for i in f.metrics.values())


def test_rows_of_the_users_group_are_drawn_together(run: Any) -> None:
    table = sm.read([{**row, "id": f"g{n // 12}"} for n, row in enumerate(rows(120, seed=5))])
    alone = sm.evaluate(run.model, sm.read(rows(120, seed=5)))
    together = sm.evaluate(run.model, table)
    one, other = (r.searches["seen → caption"].metrics["mrr"] for r in (alone, together))
    assert one.value == other.value
    assert (one.low, one.high) != (other.low, other.high)


def test_a_schema_of_ones_own_keeps_its_group() -> None:
    table = [{"seen": [1.0, n], "caption": f"c{n % 20}", "who": f"w{n % 10}"} for n in range(60)]
    schema = sm.Schema(FIELDS, group="who")
    plan = sm.Plan(epochs=1, precision="fp32")
    task = sm.Align(*FIELDS)
    found = sm.fit(table, task=task, schema=schema, plan=plan, out=None, quality="fast", quiet=True)
    assert any("'who' kept together" in line for line in found.report.choices)


def test_missing_cells_do_not_recur() -> None:
    table = sm.read([{"a": "" if n < 5 else f"a{n}", "b": f"b{n // 2}"} for n in range(8)])
    assert paired(table, ("a", "b"), None).group == "b"


def test_rows_without_any_pair_are_refused_before_training() -> None:
    table = [{"seen": [1.0, n]} if n % 2 else {"caption": f"word {n}"} for n in range(40)]
    with pytest.raises(TableError, match="no training row has two of 'seen', 'caption'"):
        sm.fit(table, task=sm.Align(*FIELDS), kinds=FIELDS, out=None, quality="fast", quiet=True)


def test_nothing_is_said_of_encoders_that_the_user_chose() -> None:
    schema = sm.Schema({"a": sm.Text(), "b": sm.Text()})
    found, told = starters(schema, "good", 16, sm.Align("a", "b"), ("a", "b"))
    assert (found, told) == ({}, ())


def test_an_aligned_model_is_not_compared(run: Any) -> None:
    table = sm.read(rows(6)).explode("caption")
    with pytest.raises(PartError, match="aligns seen and caption"):
        compare(run.model, table, table, table, quiet=True)


def test_rows_one_by_one_are_told_as_a_table_is(run: Any) -> None:
    probe = sm.Probe(run.model, "seen").fit(sm.read(rows(24, seed=3)), "colour")
    some = rows(12, seed=4)
    assert probe.predict_rows(*some, {"seen": None}) == [*probe.predict(sm.read(some)), None]
    probe = sm.Probe(run.model).fit(sm.read(rows(24, seed=3)).explode("caption"), "colour")
    some = list(sm.read(some).explode("caption"))
    assert probe.predict_rows(*some) == probe.predict(sm.read(some))
    nan = [*rows(24, seed=3), {"seen": [0.0, 0.0, 0.0, 0.0], "colour": float("nan")}]
    assert "nan" not in sm.Probe(run.model, "seen").fit(sm.read(nan), "colour").classes


def test_a_damaged_cell_is_no_class_and_takes_no_other_rows_place(run: Any) -> None:
    model = sm.load(run.folder / "model")
    model.prep.damaged = "skip"
    told = sm.ZeroShot(model, "seen", ["red", "green"], templates=["it is {}"])
    assert told.predict({"seen": "broken"}, {"seen": [*COLOURS["red"], 0.0]}) == [None, "red"]


def test_labels_recur_and_are_no_group() -> None:
    table = sm.read([{"photo": f"{n}.jpg", "label": "ab"[n % 2]} for n in range(40)])
    assert paired(table, ("photo", "label"), None).group is None


def test_rows_whose_cells_were_not_told_apart_are_refused(run: Any) -> None:
    table = sm.read(rows(6)).explode("caption").with_schema(run.model.schema, partial=True)
    with pytest.raises(PartError, match=r"model\.shelf"):
        Space.of(run.model, Shelf.of(run.model.prep, table))


def test_a_student_comes_near_its_teacher_who_is_asked_once_a_row(tmp_path: Path) -> None:
    """The teacher finds warm colours alike, and cold ones; the rows alone do not tell."""
    warmth = {"red": 0, "yellow": 0, "white": 0, "green": 1, "blue": 1, "black": 1}
    random, table = np.random.default_rng(0), rows(96)
    for row in table:
        row["caption"] = row["caption"][0]
        shared = np.array([1.0, 0.0]) if warmth[row["colour"]] else np.array([0.0, 1.0])
        for name in ("seen", "caption"):
            row[f"{name}.taught"] = [*(shared + 0.05 * random.normal(size=2))]
    table[3]["seen.taught"] = None
    teacher = {"seen": "seen.taught", "caption": "caption.taught"}

    def likeness(task: sm.Align) -> tuple[float, Any]:
        run = sm.fit(
            table, task=task, kinds=FIELDS, out=tmp_path / str(bool(task.teacher)),
            encoders={"seen": encoders.Vectors(width=16),
                      "caption": encoders.WordVectors(width=16, token_dropout=0.0)},
            plan=sm.Plan(epochs=30, rows_per_step=48, rate=5e-3, modality_dropout=0.0),
            quiet=True,
        )  # fmt: skip
        asked = rows(36, seed=1)
        for row in asked:
            row["caption"] = row["caption"][0]
        loaded = sm.load(run.folder / "model")
        left, right = (loaded.embed(*asked, column=name) for name in ("seen", "caption"))
        left, right = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (left, right))
        warm = np.array([warmth[row["colour"]] for row in asked])
        alike = warm[:, None] == warm
        near = left @ right.T
        return float(near[alike].mean() - near[~alike].mean()), run

    alone, _ = likeness(sm.Align("seen", "caption"))
    taught, run = likeness(sm.Align("seen", "caption", teacher=teacher))
    assert taught > alone + 0.05
    last, first = (run.history[at]["losses"]["seen~caption teacher"] for at in (-1, 0))
    assert last < 0.3 * first
    seen = run.report.searches["seen → caption"]
    assert seen.metrics["recall_at_5"].value > 1.2 * seen.chance["recall_at_5"]
    loaded = sm.load(run.folder / "model")
    (answer,) = loaded.predict({"seen": [1, 0, 0, 0], "caption": "a red thing"})
    assert -1 <= answer <= 1
