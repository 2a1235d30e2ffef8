"""The one line, from the sources that people have."""

import math
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from torch import nn

import sensorium as sm
from mixed_table import Mixed
from sensorium import encoders, fusion, tasks
from sensorium.auto.begin import _names
from sensorium.auto.choose import check_objects
from sensorium.auto.parts import Ways, split_parts
from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.errors import ArtifactError, PartError, PlanError, SchemaError, TableError
from sensorium.core.schema import Field

FAST = {"epochs": 2, "quiet": True, "out": None, "minutes": 0.2}


def numbers(count: int = 80) -> list[dict[str, object]]:
    return [{"x": i / 10, "z": float(i % 3), "y": "lo" if i < 40 else "hi"} for i in range(count)]


def test_several_targets_of_several_kinds(mixed: Mixed) -> None:
    run = sm.fit(mixed.csv, ["mood", "score"], inputs=["review", "price"], **FAST)  # type: ignore[arg-type]
    answer = run.model.predict({"review": "lovely", "price": 1.0})[0]
    assert set(answer) == {"mood", "score"}
    assert isinstance(answer["score"], float)


@pytest.mark.parametrize("kinds", [None, {"y": sm.Category()}])
def test_labels_that_are_whole_numbers_come_back_as_such(kinds: dict[str, Field] | None) -> None:
    rows = [{"x": float(i), "y": (3, -1, 12)[i % 3]} for i in range(90)]
    model = sm.fit(rows, "y", kinds=kinds, **FAST).model  # type: ignore[arg-type]
    assert model.classes == ("-1", "3", "12")
    assert all(type(label) is int for label in model.predict(*rows[:9]))
    words = [{**row, "y": str(row["y"])} for row in rows]
    found = sm.fit(words, "y", kinds={"y": sm.Category()}, **FAST).model.predict(*words[:9])  # type: ignore[arg-type]
    assert set(found) <= {"3", "-1", "12"}


def test_columns_that_numbers_name_are_meant_by_their_numbers() -> None:
    frame = pd.DataFrame({0: [i / 10 for i in range(60)], 1: ["a", "b"] * 30, 2: [1.0, 5.0] * 30})
    model = sm.fit(frame, 1, inputs=[0, 2], **FAST).model  # type: ignore[arg-type]
    assert model.names == ("0", "2")
    assert model.predict({0: 0.1, 2: 5.0}) == model.predict({"0": 0.1, "2": 5.0})
    assert len(model.predict(frame)) == 60
    assert sm.fit(frame, 1, inputs=0, **FAST).model.names == ("0",)  # type: ignore[arg-type]
    assert _names(pd.Index([5, 7])[1]) == ("7",)


def test_tags_get_thresholds_and_lists(mixed: Mixed) -> None:
    run = sm.fit(mixed.csv, "tags", inputs=["review", "price"],
                 kinds={"tags": sm.Category(many=True)}, **FAST)  # type: ignore[arg-type]  # fmt: skip
    tags = run.model.predict(*mixed.rows)
    assert all(set(found) <= {"warm", "loud"} for found in tags)


def test_regression_answers_in_the_targets_own_units() -> None:
    rows = [{"x": i / 10, "y": 1000.0 + 10 * i} for i in range(200)]
    run = sm.fit(rows, "y", epochs=30, quiet=True, out=None)
    found = run.model.predict({"x": 5.0}, {"x": 15.0})
    assert abs(found[0] - 1500) < 150
    assert abs(found[1] - 2500) < 150


def test_every_kind_together_with_missing_and_damaged_cells(mixed_faulty: Mixed) -> None:
    run = sm.fit(mixed_faulty.jsonl, "mood", **FAST)  # type: ignore[arg-type]
    kinds = {field.kind for field in run.model.schema.inputs.values()}
    assert {"image", "audio", "text", "number", "series", "date"} <= kinds
    assert {(f.row, f.column) for f in run.ledger} == set(mixed_faulty.damaged)
    assert run.report is not None
    assert math.isfinite(run.history[-1]["loss"])


def test_the_users_own_parts_are_kept(mixed: Mixed) -> None:
    run = sm.fit(
        mixed.csv,
        "mood",
        inputs=["photo", "price"],
        encoders={"photo": encoders.ConvNet(width=24, stages=(8,))},
        fusion=fusion.Gated(width=24),
        **FAST,  # type: ignore[arg-type]
    )
    assert repr(run.model.encoders["photo"]).startswith("ConvNet")
    assert run.model.encoders["price"].width == 24
    assert isinstance(run.model.fusion, fusion.Gated)


def test_runs_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        run = sm.fit(numbers(), "y", epochs=1, quiet=True)
        assert run.folder == Path("runs", f"y-{number}")
    assert sm.load("runs/y-1/model").predict({"x": 1.0, "z": 0.0})


def test_a_fit_of_a_table_in_memory_resumes_with_it(tmp_path: Path) -> None:
    run = sm.fit(numbers(), "y", epochs=1, quiet=True, out=tmp_path / "r")
    with pytest.raises(sm.SensoriumError, match="pass it as source="):
        sm.resume(tmp_path / "r")
    again = sm.resume(tmp_path / "r", source=numbers(), quiet=True)
    assert np.array_equal(
        run.model.predict_proba(*numbers()), again.model.predict_proba(*numbers())
    )


def test_what_cannot_be_learned_is_said() -> None:
    with pytest.raises(PlanError, match="name the column to learn"):
        sm.fit(numbers())
    with pytest.raises(TableError, match="one class only"):
        sm.fit([{"x": float(i), "y": "a"} for i in range(40)], "y", quiet=True, out=None,
               kinds={"y": sm.Category()})  # fmt: skip
    with pytest.raises(TableError, match=r"'y' is '3\.5' in every training row: one value only"):
        sm.fit([{"x": float(i), "y": 3.5} for i in range(40)], "y", quiet=True, out=None)
    with pytest.raises((TableError, SchemaError)):
        sm.fit([{"x": float(i), "y": None} for i in range(40)], "y", quiet=True, out=None)
    with pytest.raises((TableError, SchemaError), match=r"did you mean|known"):
        sm.fit(numbers(), "why", quiet=True, out=None)
    with pytest.raises(TableError):
        sm.fit([], "y", quiet=True, out=None)


def test_an_input_that_no_training_row_has_is_left_out_and_said() -> None:
    rows = [{"price": i % 7, "note": None, "big": i % 7 > 3} for i in range(60)]
    seen = [{**row, "note": "a note"} for row in rows[:20]]
    kinds = {"price": sm.Number(), "note": sm.Text()}
    mine = {"note": encoders.NGrams(width=16), "price": encoders.Numbers(width=16)}
    run = sm.fit(rows, "big", kinds=kinds, encoders=mine, test=seen, epochs=1, out=None, quiet=True)
    assert list(run.model.schema.inputs) == ["price"]
    assert run.report is not None
    assert "note: left out, for no training row has it" in run.report.choices
    nothing = [{**row, "price": None} for row in rows]
    with pytest.raises(TableError, match="no training row has any of the inputs 'price', 'note'"):
        sm.fit(nothing, "big", kinds=kinds, epochs=1, out=None, quiet=True)


def test_what_is_fitted_is_judged_searched_and_told_from_the_same_sources(
    mixed: Mixed, tmp_path: Path
) -> None:
    run = sm.fit(mixed.csv, "mood", inputs=["photo", "price"], **FAST)  # type: ignore[arg-type]
    table, rows = sm.read(mixed.csv), [{"price": 3.0, "mood": "glad"}] * 4
    assert sm.evaluate(run.model, str(mixed.csv)).verdict == sm.evaluate(run.model, table).verdict
    assert sm.evaluate(run.model, rows, train=mixed.csv).rows == 4
    assert sm.infer(mixed.csv, targets="mood").schema == sm.infer(table, targets="mood").schema
    index = sm.Index.of(run.model, mixed.csv, out=tmp_path / "index")
    assert len(index) == len(table)
    index.add(mixed.csv)
    assert len(index) == 2 * len(table)


def test_a_run_shows_itself_in_one_line(mixed: Mixed) -> None:
    run = sm.fit(mixed.csv, "mood", inputs=["price"], **FAST)  # type: ignore[arg-type]
    assert run.report is not None
    assert repr(run).startswith("<Run, 2 epochs, ")
    assert repr(run).endswith(f" s: {run.report.verdict}>")


def test_a_day_in_words_holds_the_latest_rows_out() -> None:
    days = [f"{1 + i % 28:02}.{1 + i // 28:02}.2024" for i in range(112)]
    rows = [{**row, "day": day} for row, day in zip(numbers(112), days, strict=True)]
    parts = split_parts(sm.read(rows), sm.Schema(inputs={"x": sm.Number()}), Ways(time="day"))
    assert parts.test.row_ids == tuple(range(101, 112))


def test_parts_that_are_no_objects_are_all_named() -> None:
    with pytest.raises(PartError) as caught:
        check_objects("classify", {"x": encoders.Numbers, "z": encoders.Numbers(8)}, "Gated")
    said = str(caught.value)
    assert "task is 'classify', which is no object of a Task" in said
    assert "the encoder of 'x' is Numbers" in said
    assert "fusion is 'Gated', which is no object of a Fusion; make one, such as" in said


def test_columns_may_be_named_by_an_index() -> None:
    frame = pd.DataFrame(numbers())
    run = sm.fit(frame, frame.columns[2:], inputs=frame.columns[:2], **FAST)  # type: ignore[arg-type]
    assert run.model.names == ("x", "z")


def test_few_whole_numbers_may_be_regressed() -> None:
    rows = [{"x": i / 10, "y": i % 3, "z": "ab"[i % 2]} for i in range(60)]
    several = tasks.Several(tasks.Regress("y"), tasks.Classify("z"))
    model = sm.fit(rows, task=several, inputs=["x"], **FAST).model  # type: ignore[arg-type]
    assert isinstance(model.schema.targets["y"], sm.Number)
    assert isinstance(model.predict({"x": 1.0})[0]["y"], float)


def test_whole_labels_with_gaps_are_classes_from_a_frame_as_from_a_file(tmp_path: Path) -> None:
    rows = [{"x": i / 10, "y": None if i % 9 == 0 else i % 3} for i in range(90)]
    frame = pd.DataFrame(rows)
    assert frame["y"].dtype == "float64"
    pd.DataFrame(rows).astype({"y": "Int64"}).to_csv(tmp_path / "t.csv", index=False)
    for source in (frame, tmp_path / "t.csv"):
        assert sm.fit(source, "y", **FAST).model.classes == ("0", "1", "2")  # type: ignore[arg-type]


class Doubled(encoders.Encoder):
    """A user's own encoder."""

    kinds: ClassVar[frozenset[str]] = frozenset({"number"})

    def setup(self, layout: Layout) -> None:
        self.linear = nn.Linear(1, self.width)

    def encode(self, column: Column) -> Encoded:
        found = self.linear(2 * column.values)
        return Encoded(found.unsqueeze(1), column.mask, column.present)


def test_a_fit_with_a_part_of_ones_own_resumes_with_its_class(tmp_path: Path) -> None:
    own = {"x": Doubled(width=8)}
    run = sm.fit(numbers(), "y", encoders=own, epochs=1, quiet=True, out=tmp_path / "r")
    with pytest.raises(ArtifactError, match=r"parts=\{'Doubled': Doubled\}"):
        sm.resume(tmp_path / "r", source=numbers())
    again = sm.resume(tmp_path / "r", source=numbers(), parts={"Doubled": Doubled}, quiet=True)
    assert again.model.predict(*numbers()) == run.model.predict(*numbers())


def test_a_table_that_lacks_a_column_is_named_by_its_keyword() -> None:
    for name in ("valid", "test"):
        with pytest.raises(SchemaError, match=rf"(?s)^{name}= is not like the rows .*'x'"):
            sm.fit(numbers(), "y", **{name: [{"z": 1.0, "y": "lo"}]}, **FAST)  # type: ignore[arg-type]


def test_a_target_beside_a_schema_is_the_schemas() -> None:
    schema = sm.Schema({"x": sm.Number()}, {"y": sm.Category()})
    assert sm.fit(numbers(), "y", schema=schema, **FAST).model.names == ("x",)  # type: ignore[arg-type]
    with pytest.raises(PlanError, match=r"names \['z'\], but the schema's targets are \['y'\]"):
        sm.fit(numbers(), "z", schema=schema, **FAST)  # type: ignore[arg-type]
    with pytest.raises(PlanError, match="leave inputs= and kinds= out"):
        sm.fit(numbers(), schema=schema, inputs=["x"], kinds={"x": sm.Number()}, **FAST)  # type: ignore[arg-type]
