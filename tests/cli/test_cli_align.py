"""Aligning, pretrained encoders and classes by name, typed as a user types them."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.csv
import pytest
from typer.testing import CliRunner

import sensorium as sm
from sensorium.cli.main import app


def typed(*words: Any) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def run(mixed: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cli") / "run"
    found = typed(
        "fit", mixed.csv, "--task", "align", "--inputs", "photo,review", "--quality", "fast",
        "--epochs", 2, "--out", out, "--quiet", "--cache-gb", 0,
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    assert "photo finds its review" in found.output
    return out


def test_every_row_is_told_how_well_its_cells_fit(run: Path, mixed: Any, tmp_path: Path) -> None:
    found = typed("predict", run, mixed.csv, "--out", tmp_path / "fit.csv")
    assert found.exit_code == 0, found.output
    table = pyarrow.csv.read_csv(tmp_path / "fit.csv")
    assert table.column_names == ["row", "photo~review", "status"]
    assert all(-1 <= value <= 1 for value in table["photo~review"].to_pylist())


def test_classes_are_told_by_their_names(run: Path, mixed: Any, tmp_path: Path) -> None:
    words = ["--classes", "quiet slow,awful loud", "--column", "photo", "--by", "review"]
    words += ["--template", "{} place"]
    found = typed("predict", run, mixed.csv, *words, "--scores", "--out", tmp_path / "told.csv")
    assert found.exit_code == 0, found.output
    table = pyarrow.csv.read_csv(tmp_path / "told.csv").to_pylist()
    assert {row["photo"] for row in table} <= {"quiet slow", "awful loud"}
    for row in table:
        assert row["photo=quiet slow"] + row["photo=awful loud"] == pytest.approx(1, abs=1e-5)


def test_words_find_pictures(run: Path, mixed: Any, tmp_path: Path) -> None:
    index = tmp_path / "photos.index"
    found = typed("index", run, mixed.csv, "--column", "photo", "--out", index)
    assert found.exit_code == 0, found.output
    found = typed("search", index, "--like", "review=lovely bright place", "--top", 2)
    assert found.exit_code == 0, found.output
    assert ".png" in found.output or ".jpg" in found.output


def test_a_pretrained_encoder_is_named_by_its_folder(
    mixed: Any, tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    pytest.importorskip("transformers")
    found = typed(
        "fit", mixed.csv, "--target", "mood", "--inputs", "review", "--inputs", "price",
        "--encoder", f"review={tiny('bert')}", "--epochs", 1, "--out", tmp_path / "run", "--quiet",
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    assert set(sm.load(tmp_path / "run").schema.inputs) == {"review", "price"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--task", "draw"], "'draw' is none"),
        (["--task", "align"], "at least two columns"),
        (["--target", "mood", "--encoder", "review"], "write NAME=FOLDER"),
        (["--target", "mood", "--quality", "great"], "'great'"),
    ],
)
def test_what_cannot_be_is_said(mixed: Any, words: list[str], says: str) -> None:
    with pytest.raises(Exception, match=says):
        typed("fit", mixed.csv, *words, "--quiet")


def test_a_plan_of_an_aligned_fit_takes_an_encoder_more(
    run: Path, mixed: Any, tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    """It has the plan's width, and the plan's other encoders stay."""
    pytest.importorskip("transformers")
    plan, out = tmp_path / "plan.toml", tmp_path / "again"
    found = typed("plan", run, "--out", plan)
    assert found.exit_code == 0, found.output
    plan.write_text(plan.read_text().replace("width = 512", "width = 48"))
    found = typed(
        "fit", "--plan", plan, "--encoder", f"review={tiny('bert')}", "--epochs", 1, "--out", out,
        "--quiet",
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    parts = json.loads((out / "model" / "sensorium.json").read_text())["encoders"]
    before = json.loads((run / "model" / "sensorium.json").read_text())["encoders"]
    assert parts["review"]["width"] == 48
    assert parts["photo"] == {**before["photo"], "width": 48}


def test_every_command_that_runs_encoders_heeds_the_limit_of_their_features(
    mixed: Any, tiny: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("transformers")
    monkeypatch.setenv("SENSORIUM_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SENSORIUM_CACHE_GB", raising=False)
    run, index = tmp_path / "run", tmp_path / "rows.index"
    commands = [
        ["fit", mixed.csv, "--target", "mood", "--inputs", "review,price", "--epochs", 1,
         "--encoder", f"review={tiny('bert')}", "--out", run, "--quiet"],
        ["resume", run, "--quiet"],
        ["evaluate", run, mixed.csv],
        ["predict", run, mixed.csv],
        ["index", run, mixed.csv, "--column", "review", "--out", index],
        ["search", index, "--like", "review=quiet and bright", "--top", 1],
        ["compare", run, "--quiet"],
    ]  # fmt: skip
    for words in commands:
        found = typed(*words, "--cache-gb", 0)
        assert found.exit_code == 0, found.output
        assert not (tmp_path / "cache").exists(), words[0]
        assert "SENSORIUM_CACHE_GB" not in os.environ
    for words in commands[2:4]:  # without the flag, features are kept and found
        assert typed(*words).exit_code == 0
        assert [*(tmp_path / "cache" / "features").iterdir()]
