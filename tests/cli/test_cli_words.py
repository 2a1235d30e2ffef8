"""Tasks that end in words, typed as a user types them."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pytest
from typer.testing import CliRunner

from sensorium.cli.main import app
from sensorium.cli.options import parsed_task, write_table
from sensorium.core.errors import PlanError
from sensorium.data.write import to_file
from sensorium.model import Answer as Reply
from sensorium.tasks import Align, Answer, Caption, Describe, Transcribe
from written_models import note_rows


def typed(*words: Any) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("words") / "notes.jsonl"
    rows = [{**row, "note": "|".join([row["note"]] if isinstance(row["note"], str)
                                     else row["note"][:1])} for row in note_rows(40)]  # fmt: skip
    to_file(pa.Table.from_pylist(rows), file)
    return file


def test_captions_are_fitted_and_predicted(table: Path, tmp_path: Path) -> None:
    found = typed("fit", table, "--task", "caption", "--target", "note", "--epochs", 1,
                  "--minutes", 0.2, "--quiet", "--out", tmp_path / "run")  # fmt: skip
    assert found.exit_code == 0, found.output
    assert "CIDEr-D" in found.output
    assert (tmp_path / "run" / "report.html").is_file()
    found = typed("predict", tmp_path / "run", table, "--out", tmp_path / "said.csv")
    assert found.exit_code == 0, found.output
    said = pyarrow.csv.read_csv(tmp_path / "said.csv")
    assert said.num_rows == 40
    assert "note" in said.column_names


@pytest.mark.parametrize(
    ("name", "task"),
    [("caption", Caption), ("describe", Describe), ("answer", Answer), ("transcribe", Transcribe)],
)
def test_tasks_are_named(name: str, task: type) -> None:
    found = parsed_task(name, None, ["y"])
    assert type(found) is task
    assert found.targets == ("y",)


def test_no_task_and_one_of_columns() -> None:
    assert parsed_task(None, ["a"], ["y"]) is None
    found = parsed_task("align", ["a", "b"], None)
    assert isinstance(found, Align)
    assert found.columns == ("a", "b")


@pytest.mark.parametrize(
    ("name", "targets", "hint"),
    [
        ("captoin", ["y"], "'captoin'.*did you mean 'caption'"),
        ("Transcribe", ["y"], "did you mean 'transcribe'"),
        ("classify", ["y"], "labels and numbers are told by --target alone"),
        ("caption", None, "--task caption needs the column to learn: --target NAME"),
        ("caption", [], "--target NAME"),
        ("caption", ["y", "z"], "one"),
    ],
)
def test_what_cannot_be_is_said(name: str, targets: list[str] | None, hint: str) -> None:
    with pytest.raises(PlanError, match=hint):
        parsed_task(name, None, targets)


def said(rows: list[dict[str, Any]], folder: Path, *words: Any, **flags: Any) -> list[Any]:
    """Fit on some rows from the command line, predict them as JSON lines, and read those."""
    file, out = folder / "rows.jsonl", folder / "said.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = typed("fit", file, *words, "--epochs", flags.get("epochs", 1), "--minutes", 0.2,
                  "--quiet", "--out", folder / "run")  # fmt: skip
    assert found.exit_code == 0, found.output
    shown = typed("predict", folder / "run", file)
    assert shown.exit_code == 0, shown.output
    assert len(shown.output.splitlines()) == len(rows) + 1
    assert typed("predict", folder / "run", file, "--scores", "--out", out).exit_code == 0
    return [json.loads(line) for line in out.read_text().splitlines()]


ORDERS = [
    {"said": f"set the {thing} to {number}", "wish": thing, "parts": {"to": number}}
    for thing in ("heating", "light", "radio")
    for number in ("ten", "twenty", "half", "full")
]


def test_keywords_are_predicted_as_tables_write_them(tmp_path: Path) -> None:
    pytest.importorskip("snowballstemmer")
    rows = [{"text": f"the {a} boat met a {b} house", "keys": f"{a} boat|{b} house"}
            for a in ("red", "old", "tall", "dry") for b in ("blue", "new", "small")]  # fmt: skip
    found = said(rows, tmp_path, "--task", "keywords", "--inputs", "text", "--target", "keys")
    assert len(found) == len(rows)
    best = found[0]["keys"].split("|")
    assert len(best) == len(found[0]["keys scores"]) > 1
    assert found[0]["keys scores"] == sorted(found[0]["keys scores"], reverse=True)


def test_spans_are_predicted_as_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    span = {"label": "to", "start": 0, "end": 3, "text": "set"}

    def found_in(_: Any, rows: list[Any]) -> list[Reply]:
        return [Reply([span] if place % 2 else []) for place in range(len(rows))]

    monkeypatch.setattr("sensorium.auto.listen.answers_of", found_in)
    rows = [{"said": row["said"], "names": row["parts"]} for row in ORDERS]
    found = said(rows, tmp_path, "--task", "extract", "--inputs", "said", "--target", "names")
    assert [row["names"] for row in found] == [[], [span]] * 6


def test_a_tag_may_speak_of_keywords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tags = ["keyword research", "writing"]
    monkeypatch.setattr(
        "sensorium.auto.listen.answers_of", lambda _, rows: [Reply(tags) for _ in rows]
    )
    rows = [{"said": row["said"], "about": "|".join(tags[: 1 + place % 2])}
            for place, row in enumerate(ORDERS)]  # fmt: skip
    found = said(rows, tmp_path, "--inputs", "said", "--target", "about")
    assert {row["about"] for row in found} == {"keyword research|writing"}


def test_a_command_is_predicted_under_its_columns_own_names(tmp_path: Path) -> None:
    found = said(ORDERS, tmp_path, "--task", "command", "--inputs", "said",
                 "--target", "wish", "--target", "parts", epochs=3)  # fmt: skip
    assert {row["wish"] for row in found} <= {"heating", "light", "radio", None}
    assert any(row["wish"] for row in found)
    assert all(isinstance(json.loads(row["parts"]), dict) for row in found)


def test_columns_are_those_of_all_rows_and_the_status_stands_last(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    write_table([{"row": 0, "status": "skipped"}, {"row": 1, "chance": 0.5, "status": "ok"}], file)
    assert file.read_text().splitlines() == [
        '"row","chance","status"', '0,,"skipped"', '1,0.5,"ok"',
    ]  # fmt: skip


def test_the_intent_that_is_out_of_scope_is_named_by_a_flag() -> None:
    task = parsed_task("command", ["said"], ["intent"], "other")
    assert (task.intent, task.slots, task.outside) == ("intent", None, "other")
    with pytest.raises(PlanError, match="--outside 'other' goes with --task command"):
        parsed_task("answer", ["said"], ["intent"], "other")
