"""The comparison: every part in full, on the same rows and the same plan."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sensorium.auto import fit
from sensorium.compare import best_pair, compare, compare_run, part_of
from sensorium.core.errors import ArtifactError, PartError
from sensorium.core.schema import Category, Number, Schema, Spans, Text, Vector
from sensorium.data import Table, read
from sensorium.encoders import Categories, Encoder, Numbers, TextLSTM, Vectors
from sensorium.fusion import Concat, FiLM, Fusion
from sensorium.model import Model
from sensorium.preprocess import Preprocess, Shelf
from sensorium.tasks import Classify, Command
from sensorium.train import Plan, train

WIDTH = 16
PLAN = Plan(epochs=12, rows_per_step=50, rate=0.02, precision="fp32", weight_decay=0.0)


def bits(count: int, seed: int) -> Table:
    """Draw rows of three bits; the answer is whether the first two are the same."""
    drawn = np.random.default_rng(seed).integers(0, 2, (count, 3)).tolist()
    said = ("no", "yes")
    return read(
        [
            {"left": said[a], "middle": said[b], "right": said[c], "answer": said[a == b]}
            for a, b, c in drawn
        ]
    )


def untrained(table: Table, *inputs: str, fusion: Fusion | None = None) -> Model:
    schema = Schema({name: Category() for name in inputs}, {"answer": Category()})
    encoders: dict[str, Encoder] = {name: Categories(WIDTH) for name in inputs}
    prep = Preprocess.fit(table.with_schema(schema))
    fusion = fusion or Concat(WIDTH, dropout=0.0)
    return Model(prep, encoders=encoders, fusion=fusion, task=Classify("answer"))


@pytest.fixture(scope="module")
def tables() -> tuple[Table, ...]:
    return bits(400, 0), bits(80, 1), bits(200, 2)


def fused(tables: tuple[Table, ...], *inputs: str) -> Model:
    model = untrained(tables[0], *inputs)
    train(model, *tables[:2], plan=PLAN, quiet=True)
    return model


def test_two_halves_of_a_secret_are_worth_nothing_alone(tables: tuple[Table, ...]) -> None:
    model = fused(tables, "left", "middle")
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    comparison = compare(model, *tables, plan=PLAN, quiet=True)
    found = comparison.targets["answer"]
    assert found.verdict == "yes"
    alone = {s.name: s.score.value for s in found.standings if s.role == "part"}
    assert set(alone) == {"left alone", "middle alone"}
    assert all(0.4 < score < 0.6 for score in alone.values())
    assert found.standings[-1].score.value == 1.0
    assert set(comparison.costs) == {"left", "middle"}
    assert all(cost.epochs == PLAN.epochs for cost in comparison.costs.values())
    assert comparison.rows == 200
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


def test_of_three_parts_the_pair_that_knows_is_found_and_trained(
    tables: tuple[Table, ...],
) -> None:
    model = fused(tables, "left", "right", "middle")
    parts = {name: (name,) for name in model.names}
    valid = Shelf.of(model.prep, tables[1].with_schema(model.schema))
    assert best_pair(model, valid, parts) == ("left", "middle")
    found = compare(model, *tables, plan=PLAN, quiet=True).targets["answer"]
    (pair,) = [s for s in found.standings if s.role == "pair"]
    assert pair.name == "left and middle"
    assert pair.score.value > 0.95
    assert set(found.over_pairs) == {"left and middle"}


def test_a_part_is_the_same_model_with_fewer_columns(tables: tuple[Table, ...]) -> None:
    model = untrained(tables[0], "left", "middle", "right", fusion=FiLM(WIDTH, onto=("left",)))
    part = part_of(model, ("left", "middle"))
    assert part.names == ("left", "middle")
    assert part.prep.steps["left"] is model.prep.steps["left"]
    assert part.task.heads["answer"].names == model.task.heads["answer"].names
    assert isinstance(part.fusion, FiLM)
    assert part.fusion.onto == ("left",)
    assert part_of(model, ("right",)).fusion.onto == ()


def test_one_modality_has_nothing_to_be_compared_with(tables: tuple[Table, ...]) -> None:
    model = untrained(tables[0], "left")
    with pytest.raises(PartError, match="there is one modality, 'left'"):
        compare(model, *tables, plan=PLAN)


def test_parts_without_the_text_that_is_read_are_left_out() -> None:
    said = [
        f"{thing} in the {room} on" for thing in ("lights", "radio") for room in ("hall", "bar")
    ]
    rows = [
        {"said": text, "hour": n % 12, "place": [n % 3, n % 5], "intent": text.split()[0],
         "spans": [{"label": "room", "text": text.split()[3]}]}
        for n, text in enumerate(said * 8)
    ]  # fmt: skip
    schema = Schema(
        {"said": Text(max_tokens=20), "hour": Number(), "place": Vector()},
        {"spans": Spans(text="said"), "intent": Category()},
    )
    table = read(rows).with_schema(schema)
    encoders: dict[str, Encoder] = {
        "said": TextLSTM(WIDTH), "hour": Numbers(WIDTH), "place": Vectors(WIDTH),
    }  # fmt: skip
    model = Model(
        Preprocess.fit(table),
        encoders=encoders,
        fusion=Concat(WIDTH),
        task=Command("intent", "spans"),
    )
    short = Plan(epochs=1, rows_per_step=32, precision="fp32")
    found = compare(model, table, table, table, plan=short, quiet=True)
    assert set(found.costs) in ({"said", "said and hour"}, {"said", "said and place"})
    assert found.notes == (
        "hour alone was left out: the task reads said.",
        "place alone was left out: the task reads said.",
    )
    for target in ("spans", "intent"):
        assert found.targets[target].verdict != "single"
        assert "said, hour and place" in found.targets[target].sentence
        roles = [standing.role for standing in found.targets[target].standings]
        assert roles == ["baseline", "part", "pair", "fusion"]
    for page in (found.html(), found.markdown(), found.summary()):
        assert found.notes[0] in page


def test_a_comparison_is_written_whole(tables: tuple[Table, ...], tmp_path: Path) -> None:
    model = untrained(tables[0], "left", "middle")
    short = Plan(epochs=1, rows_per_step=200, precision="fp32")
    comparison = compare(model, *tables, plan=short, quiet=True)
    folder = comparison.write(tmp_path / "comparison")
    assert {f.name for f in folder.iterdir()} == {
        "comparison.html", "comparison.md", "comparison.json",
    }  # fmt: skip
    page, text = comparison.html(), comparison.markdown()
    for said in ("left alone", "late average of the parts", "Plan(epochs=1", "What each way costs"):
        assert said in page
        assert said.replace("_", r"\_") in text
    assert page.endswith("</html>")
    assert "<script" not in page
    assert comparison.summary().startswith(comparison.verdict.replace("\u00a0", " "))
    assert json.loads(comparison.json())["targets"]["answer"]["score"] == "accuracy"


def test_all_are_judged_on_the_rows_that_the_fusion_answers(
    make_mixed: Callable[..., Any],
) -> None:
    """A row skipped for its damaged price is not judged for its whole shop either."""
    table = read(make_mixed(rows=36, damaged=6).jsonl)
    schema = Schema({"price": Number(), "shop": Category()}, {"mood": Category()})
    prep = Preprocess.fit(table.with_schema(schema), damaged="skip")
    encoders: dict[str, Encoder] = {"price": Numbers(WIDTH), "shop": Categories(WIDTH)}
    model = Model(prep, encoders=encoders, fusion=Concat(WIDTH), task=Classify("mood"))
    short = Plan(epochs=1, rows_per_step=36, precision="fp32")
    assert compare(model, table, table, table, plan=short, quiet=True).rows == 34


def test_a_finished_fit_can_be_compared_by_its_folder(
    make_mixed: Callable[..., Any], tmp_path: Path
) -> None:
    rows = make_mixed(rows=40)
    folder = tmp_path / "run"
    fit(rows.csv, target="mood", inputs=["price", "shop"], epochs=1, out=folder, quiet=True)
    found = compare_run(folder, quiet=True)
    assert set(found.costs) == {"price", "shop"}
    with pytest.raises(ArtifactError, match="holds no"):
        compare_run(tmp_path, quiet=True)
