"""Reports of models that write: scores, examples best and worst, verdicts, nothing unescaped."""

import json
from typing import Any

import numpy as np
import pytest
from test_evaluate_report import HOSTILE, check_page

from sensorium.core.schema import Category, Schema, Text
from sensorium.data import read
from sensorium.encoders import Categories
from sensorium.evaluate import Report, collect, evaluate
from sensorium.evaluate.baseline import baseline
from sensorium.evaluate.examples import answer_in_words, examples, is_right, truth_in_words
from sensorium.fusion import Concat
from sensorium.model import Model
from sensorium.preprocess import Preprocess, Shelf, target_step_for
from sensorium.tasks import Caption
from sensorium.tasks.head import as_rows
from sensorium.tasks.words_head import WordsHead
from written_models import SCHEMA, WIDTH, Author, author, note_rows, text_of


@pytest.fixture(scope="module")
def taught() -> Author:
    return author()


@pytest.fixture(scope="module")
def judged(taught: Author) -> Report:
    return evaluate(taught.model, taught.test, train=taught.train)


def head() -> WordsHead:
    step = target_step_for(Text())
    step.fit([("a",)])
    return WordsHead(step.tokens, "caption")  # type: ignore[attr-defined]


def test_truth_and_answer_in_words() -> None:
    truth = as_rows([("a cube", "one cube"), ("a ball",)])
    decided = as_rows(["one cube", "a cube"])
    assert truth_in_words(head(), truth[0]) == "a cube | one cube"
    assert answer_in_words(head(), decided[0]) == "one cube"
    assert is_right(head(), truth[0], decided[0])
    assert not is_right(head(), truth[1], decided[1])


def test_the_baseline_is_the_commonest_text() -> None:
    truth = as_rows([("b", "a"), ("b",), ("a",), (), ("x" * 99,)])
    found = baseline(head(), truth)
    assert found.title == "always “b”"
    assert found.decided(3).tolist() == ["b", "b", "b"]
    scores = head().metrics(truth[:3], found.decided(3))
    assert set(scores) >= {"cider_d", "bleu_4"}


def test_the_report_has_scores_and_a_verdict(judged: Report) -> None:
    found = judged.targets["note"]
    assert found.form == "texts"
    assert {"cider_d", "bleu_4", "rouge_l", "chrf"} <= set(found.metrics)
    assert all(np.isfinite(score.value) for score in found.metrics.values())
    assert found.metrics["rouge_l"].value == pytest.approx(1.0)
    assert found.fusion.verdict == "yes"
    assert found.fusion.over_late is None
    assert all(standing.role != "late" for standing in found.fusion.standings)
    assert "average" not in found.fusion.sentence


def test_examples_are_best_middle_and_worst(taught: Author) -> None:
    rows = note_rows(40, 5)
    for number in range(0, 40, 4):  # the truth is another one now: what is written is wrong
        rows[number]["note"] = f"nothing of the kind {number}"
    table = read(rows).with_schema(SCHEMA)
    outcome = collect(taught.model, Shelf.of(taught.model.prep, table))
    found = examples(taught.model, table, outcome, "note")
    assert [len(part) for part in (found.worst, found.typical, found.best)] == [6, 3, 3]
    assert all(int(one.row) % 4 == 0 and not one.right for one in found.worst)
    assert all(one.right and one.error == pytest.approx(0.0) for one in found.best)
    shown = [one.row for part in (found.worst, found.typical, found.best) for one in part]
    assert len(set(shown)) == len(shown)
    assert found.worst[0].error >= found.typical[0].error >= found.best[0].error
    few = examples(taught.model, table, collect(
        taught.model, Shelf.of(taught.model.prep, table.slice(0, 7))), "note")  # fmt: skip
    assert (len(few.worst), len(few.typical), len(few.best)) == (6, 1, 0)


def test_every_form_of_the_report_tells_it(judged: Report) -> None:
    said = text_of("red", 1)
    data = json.loads(judged.json())
    target = data["targets"]["note"]
    assert {"cider_d", "rouge_l"} <= set(target["metrics"])
    assert target["examples"]["best"]
    assert any(one["answer"] == one["truth"].split(" | ")[0] for one in target["examples"]["best"])
    assert said in json.dumps(data, ensure_ascii=False)
    page = check_page(judged.html())
    for words in ("CIDEr-D", "ROUGE-L", "Most wrong", "Best", "Typical", "wrote", "right would be"):
        assert words in page.text, words
    assert said in page.text
    assert "CIDEr-D" in judged.markdown()


def test_rows_without_a_text_are_left_out_and_counted(taught: Author) -> None:
    rows = note_rows(40, 7)
    for number in range(0, 40, 5):
        rows[number]["note"] = None
    rows[1]["note"] = "x" * 500  # too long: damaged, named, and left out
    report = evaluate(taught.model, read(rows).with_schema(SCHEMA), train=taught.train)
    found = report.targets["note"]
    assert found.rows == 31
    assert found.metrics["rouge_l"].value == pytest.approx(1.0)
    outcome = collect(taught.model, Shelf.of(taught.model.prep, read(rows).with_schema(SCHEMA)))
    assert len(outcome.judged("note")) == 31


def hostile_rows(count: int) -> list[dict[str, Any]]:
    names = (HOSTILE, "<b>plain</b>")
    return [{"x": names[n % 2], "z": "u", "y": f"{names[n % 2]} & {n % 3}"} for n in range(count)]


def test_nothing_that_a_table_holds_or_a_model_writes_gets_into_the_page_as_code() -> None:
    schema = Schema({"x": Category(), "z": Category()}, {"y": Text(max_tokens=99, vocabulary=400)})
    table = read(hostile_rows(9)).with_schema(schema)
    model = Model(
        Preprocess.fit(table),
        encoders={"x": Categories(WIDTH), "z": Categories(WIDTH)},
        fusion=Concat(WIDTH),
        task=Caption("y"),
    ).eval()
    report = evaluate(model, table, train=table)
    check_page(report.html())
    assert "<script>alert" not in report.html()
    assert "\x1b" not in report.summary()
