"""Tasks that end in words, typed as a user types them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pytest
from typer.testing import CliRunner

from sensorium.cli.main import app
from sensorium.cli.options import parsed_task
from sensorium.core.errors import PlanError
from sensorium.data.write import to_file
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
