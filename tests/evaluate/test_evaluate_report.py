"""The whole report: honest verdicts on rules that are known, whole pages, nothing unescaped."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from small_models import WIDTH, Taught, either, learn, rows_of, taught

from sensorium.core.errors import TableError
from sensorium.core.faults import Fault, Ledger
from sensorium.core.schema import Audio, Category, Image, Number, Schema, Series, Text
from sensorium.data import Table, read
from sensorium.encoders import (
    Categories,
    ConvNet,
    Encoder,
    NGrams,
    Numbers,
    SeriesCNN,
    Spectrogram,
)
from sensorium.evaluate import Report, evaluate
from sensorium.fusion import Mean
from sensorium.model import Model
from sensorium.preprocess import Preprocess
from sensorium.tasks import Classify, Regress, Several, Tag

HOSTILE = '<script>alert("1")</script> | `x` \x1b[31m'
VOID = {"br", "img", "meta", "link", "hr", "input", "polyline", "path", "use", "rect"}
HISTORY = [
    {"epoch": e, "step": e, "loss": 1.0 / (e + 1), "losses": {"answer": 1.0 / (e + 1)},
     "rows_per_second": 100.0 * (e + 1), "seconds": 2.0 * (e + 1),
     "valid": {"answer": {"accuracy": 0.5 + e / 10}}}
    for e in range(3)
]  # fmt: skip


class Page(HTMLParser):
    """Reads a page, and notes what stands where."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "action")]
        assert not [name for name, _ in attrs if name.startswith("on")], attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [
            value or "" for name, value in attrs if name in ("src", "href", "xlink:href")
        ]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def check_page(source: str) -> Page:
    """A page must be whole, and need nothing from anywhere else."""
    page = Page(source)
    assert page.open == []
    assert source.startswith("<!doctype html>")
    assert set(page.tags).isdisjoint({"script", "iframe", "object", "embed", "link", "form"})
    assert all(link.startswith(("data:", "#")) for link in page.links)
    assert "url(http" not in source
    assert "{{" not in source
    assert "{%" not in source
    return page


def judged(model: Taught) -> Report:
    return evaluate(model.model, model.test, train=model.train, history=HISTORY)


def test_it_says_yes_where_only_both_inputs_together_tell(exclusive: Taught) -> None:
    found = judged(exclusive).targets["answer"]
    assert found.fusion.verdict == "yes"
    assert found.metrics["accuracy"].value == 1.0
    assert found.metrics["accuracy"].low == pytest.approx(0.025 ** (1 / 200))
    assert found.fusion.gain is not None
    assert found.fusion.gain.value == pytest.approx(0.5, abs=0.1)
    assert found.subsets[0].names == ("left", "right")
    assert found.subsets[0].score == found.metrics["accuracy"]
    assert found.subsets[-1].score.value == pytest.approx(0.5, abs=0.1)


def test_it_says_no_where_one_input_tells_all() -> None:
    model = either(lambda left, _: left, test_rows=1_200)
    found = evaluate(model.model, model.test, train=model.train).targets["answer"]
    assert found.fusion.verdict == "no"
    assert found.fusion.best == "left"
    assert found.fusion.sentence.startswith("No: ")


def test_it_cannot_tell_from_a_dozen_rows(lonely: Taught) -> None:
    report = evaluate(lonely.model, lonely.test.slice(0, 12), train=lonely.train)
    assert report.verdict.startswith("Cannot tell with 12 rows: ")


def test_with_one_input_it_says_that_there_is_nothing_to_fuse() -> None:
    rows = rows_of(lambda left, _: left, 60, 0)
    model = taught(rows, rows, {"left": Category()})
    report = judged(model)
    assert report.verdict.startswith("Nothing to fuse: there is one input, left; ")
    found = report.targets["answer"]
    assert found.subsets == ()
    assert [c.column for c in found.contributions] == ["left"]
    check_page(report.html())


def test_columns_taken_away_are_judged_as_missing(exclusive: Taught) -> None:
    report = evaluate(exclusive.model, exclusive.test, train=exclusive.train, without=("right",))
    found = report.targets["answer"]
    assert found.metrics["accuracy"].value == pytest.approx(0.5, abs=0.1)
    assert found.fusion.verdict == "single"
    assert [c.column for c in found.contributions] == ["left"]
    assert "without right" in report.markdown()


def test_rows_of_one_group_are_drawn_together() -> None:
    rows = rows_of(lambda left, _: left, 80, 0)
    inputs = {"left": Category(), "right": Category()}
    named = [{**row, "person": number // 8} for number, row in enumerate(rows)]
    report = judged(taught(named, named, inputs, group="person"))
    found = report.targets["answer"]
    assert (found.rows, found.units) == (80, 10)
    assert found.metrics["accuracy"].low == pytest.approx(0.025 ** (1 / 10))
    assert "Rows of one person were drawn together for the intervals." in report.notes


def test_of_too_few_groups_single_rows_are_drawn_and_it_says_so() -> None:
    rows = rows_of(lambda left, _: left, 80, 0)
    inputs = {"left": Category(), "right": Category()}
    named = [{**row, "person": number // 20} for number, row in enumerate(rows)]
    model = taught(named, named, inputs, group="person")
    report = judged(model)
    assert report.targets["answer"].units == 80
    few = "There are only 4 different person in these rows: the intervals say nothing of others."
    assert few in report.notes
    one = evaluate(model.model, read([{**row, "person": 7} for row in named]))
    assert "These rows are all of one person: the intervals say nothing of others." in one.notes


def test_rows_of_unknown_truth_are_left_out_and_counted(lonely: Taught) -> None:
    rows = [dict(row) for row in lonely.test.slice(0, 40)]
    for row in rows[:15]:
        row["answer"] = None
    report = evaluate(lonely.model, read(rows), train=lonely.train)
    found = report.targets["answer"]
    assert (report.rows, found.rows, found.left_out, found.sample) == (40, 25, 15, 25)


def test_a_table_without_targets_cannot_be_judged(lonely: Taught) -> None:
    rows = [{"left": "no", "right": "yes"}] * 3
    with pytest.raises(TableError, match="no row has a known value of 'answer'"):
        evaluate(lonely.model, read(rows))


def test_without_training_rows_it_owns_up_to_a_flattered_baseline(lonely: Taught) -> None:
    report = evaluate(lonely.model, lonely.test)
    assert "The baseline was taken from the rows judged, which favours it." in report.notes
    assert judged(lonely).notes == ()


def test_judging_the_training_rows_is_owned_up_to(lonely: Taught) -> None:
    report = evaluate(lonely.model, lonely.train, train=lonely.train)
    flattered = "These are the training rows themselves: the figures flatter the model."
    assert flattered in report.notes
    assert flattered in check_page(report.html()).text
    assert flattered in report.summary()


def test_a_target_that_no_row_has_is_named_and_the_others_are_judged(
    make_mixed: Callable[..., Any],
) -> None:
    rows = make_mixed(rows=24)
    schema = Schema({"shop": Category()}, {"mood": Category(), "score": Number()})
    table = read(rows.jsonl).with_schema(schema)
    task = Several(Classify("mood"), Regress("score"))
    model = Model(
        Preprocess.fit(table), encoders={"shop": Categories(WIDTH)}, fusion=Mean(WIDTH), task=task
    )
    some = table.slice(0, 12).with_column("score", [None] * 12)
    report = evaluate(model, some, train=table)
    assert list(report.targets) == ["mood"]
    assert "No row has a known value of score, so it was not judged." in report.notes


def test_the_same_seed_gives_the_same_report(lonely: Taught) -> None:
    def told(seed: int) -> dict[str, Any]:
        report = evaluate(lonely.model, lonely.test, train=lonely.train, seed=seed).to_dict()
        assert isinstance(report["targets"], dict)
        return report["targets"]

    assert told(0) == told(0)
    assert told(0) != told(1)


def test_all_that_was_given_is_told(lonely: Taught) -> None:
    ledger = Ledger()
    ledger.add(Fault(3, "photo", "half a picture", "cat.png", "get it again"))
    choices = ("fusion: Mean, because it is a test",)
    report = evaluate(
        lonely.model, lonely.test, train=lonely.train, history=HISTORY, choices=choices,
        ledger=ledger,
    )  # fmt: skip
    assert report.cost.epochs == 3
    assert report.cost.seconds == 6.0
    assert report.cost.rows_per_second == 200.0
    assert report.cost.parameters == sum(p.numel() for p in lonely.model.parameters())
    assert report.cost.answers_per_second > 0
    assert lonely.test.fingerprint in report.provenance["rows judged"]
    assert lonely.train.fingerprint in report.provenance["training rows"]
    page = check_page(report.html())
    for text in (choices[0], "half a picture", "get it again", lonely.test.fingerprint, "epoch"):
        assert text in page.text
        if text != "epoch":
            assert text in report.markdown()


@pytest.fixture(scope="module")
def all_kinds(mixed_faulty: Any) -> tuple[Model, Table]:
    """A hardly trained model of every kind of column and answer, with its rows."""
    schema = Schema(
        {
            "photo": Image(size=16), "clip": Audio(rate=8_000, seconds=0.3), "review": Text(),
            "price": Number(), "shop": Category(), "pulse": Series(),
        },
        {"mood": Category(), "score": Number(), "tags": Category(many=True)},
    )  # fmt: skip
    table = read(mixed_faulty.jsonl).with_schema(schema)
    prep = Preprocess.fit(table)
    encoders: dict[str, Encoder] = {
        "photo": ConvNet(WIDTH), "clip": Spectrogram(WIDTH), "review": NGrams(WIDTH),
        "price": Numbers(WIDTH), "shop": Categories(WIDTH), "pulse": SeriesCNN(WIDTH),
    }  # fmt: skip
    task = Several(Classify("mood"), Regress("score"), Tag("tags"))
    model = Model(prep, encoders=encoders, fusion=Mean(WIDTH), task=task)
    return learn(model, table, steps=2), table


@pytest.fixture(scope="module")
def everything(all_kinds: tuple[Model, Table]) -> Report:
    """A report on every kind of column and answer, with missing and damaged cells."""
    model, table = all_kinds
    return evaluate(model, table, train=table, history=HISTORY)


def test_every_kind_of_column_and_answer_is_reported(everything: Report, mixed_faulty: Any) -> None:
    assert list(everything.targets) == ["mood", "score", "tags"]
    assert {(f.row, f.column) for f in everything.faults} == set(mixed_faulty.damaged)
    parts = [s.name for s in everything.targets["mood"].fusion.standings if s.role == "part"]
    assert parts == ["photo alone", "clip alone", "review alone", "pulse alone", "table alone"]
    page = check_page(everything.html())
    assert page.tags.count("img") > 5
    assert page.tags.count("audio") > 5
    assert page.tags.count("polyline") > 5
    assert "damaged:" in page.text
    assert "missing" in page.text
    for title in ("What is taken for what", "Answered against true", "Tag by tag"):
        assert title in page.text


@pytest.mark.parametrize("place", range(6))
def test_a_single_row_can_be_judged(all_kinds: tuple[Model, Table], place: int) -> None:
    """Most scores of one row are not defined; the pages say so and stay whole."""
    model, table = all_kinds
    report = evaluate(model, table.slice(place, place + 1), train=table)
    check_page(report.html())
    json.loads(report.json(), parse_constant=pytest.fail)
    assert "unknown" in report.markdown()
    assert report.verdict.count("Cannot tell with 1 row: ") == len(report.targets)


def test_the_json_is_strict_and_holds_no_pictures(everything: Report) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    found = json.loads(everything.json(), parse_constant=refuse)
    assert found["verdict"] == everything.verdict
    assert set(found["targets"]) == {"mood", "score", "tags"}
    mood = found["targets"]["mood"]
    assert set(mood["metrics"]["accuracy"]) == {"value", "low", "high", "level"}
    assert len(mood["confusion"]["counts"]) == 3
    assert "data:image" not in everything.json()


def test_the_markdown_has_whole_tables(everything: Report) -> None:
    text = everything.markdown()
    widths: list[int] = []
    for line in [*text.splitlines(), ""]:
        cells = re.findall(r"(?<!\\)\|", line)
        if line.startswith("|"):
            widths.append(len(cells))
        elif widths:
            assert len(set(widths)) == 1, line
            assert len(widths) > 2
            widths = []
    assert text.count("## Does fusion help?") == 3


def test_the_summary_is_short_and_has_the_verdict_first(lonely: Taught) -> None:
    lines = judged(lonely).summary().splitlines()
    assert lines[0].startswith(("Yes", "No", "Cannot"))
    assert len(lines) < 12
    assert any(line.split()[:2] == ["left", "alone"] for line in lines)


def test_everything_is_written(lonely: Taught, tmp_path: Path) -> None:
    report = judged(lonely)
    folder = report.write(tmp_path / "new" / "folder")
    names = {file.name for file in folder.iterdir()}
    assert names == {"report.html", "report.md", "report.json", "ledger.jsonl"}
    assert (folder / "report.html").read_text("utf-8") == report.html() + "\n"
    assert json.loads((folder / "report.json").read_text("utf-8"))["rows"] == 200


def hostile_model() -> Taught:
    rows = [
        {"left": f"{HOSTILE}{row['left']}", "right": row["right"],
         "answer": f"{HOSTILE}{row['answer']}"}
        for row in rows_of(lambda left, _: left, 60, 0)
    ]  # fmt: skip
    renamed = [{f"{HOSTILE}left": row.pop("left"), **row} for row in rows]
    inputs = {f"{HOSTILE}left": Category(), "right": Category()}
    return taught(renamed, renamed, inputs)


def test_what_users_write_is_only_text() -> None:
    """Names of columns and classes, cells, files and reasons may hold anything."""
    model = hostile_model()
    ledger = Ledger()
    ledger.add(Fault(3, HOSTILE, HOSTILE, HOSTILE, HOSTILE))
    report = evaluate(
        model.model, model.test, train=model.train, choices=(HOSTILE,), ledger=ledger,
        history=[{**HISTORY[0], "losses": {HOSTILE: 1.0}}],
    )  # fmt: skip
    page = check_page(report.html())
    assert 'alert("1")</script> | `x`' in page.text
    assert not re.search(r"<script|(?<!\\)`x", report.markdown())
    assert "\x1b" not in report.summary()
    assert json.loads(report.json())["faults"][0]["column"] == HOSTILE


def test_damaged_rows_that_are_skipped_are_counted(make_mixed: Callable[..., Any]) -> None:
    rows = make_mixed(rows=24, damaged=3)
    schema = Schema({"price": Number(), "shop": Category()}, {"mood": Category()})
    table = read(rows.jsonl).with_schema(schema)
    prep = Preprocess.fit(table, damaged="skip")
    encoders: dict[str, Encoder] = {"price": Numbers(WIDTH), "shop": Categories(WIDTH)}
    model = Model(prep, encoders=encoders, fusion=Mean(WIDTH), task=Classify("mood"))
    report = evaluate(model, table, train=table)
    assert report.rows == 23
    assert "1 row with damaged cells was left out." in report.notes
    assert [f.column for f in report.faults] == ["price"]
