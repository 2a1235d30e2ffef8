"""Every example runs whole, at toy size, and learns what it is about."""

import runpy
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, *sizes: int) -> Any:
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"](*sizes)


@pytest.mark.parametrize(
    ("name", "least"),
    [("picture_and_text", 0.8), ("picture_folder", 0.8), ("digits_seen_and_heard", 0.8)],
)
def test_an_example_learns(name: str, least: float) -> None:
    assert run(name) >= least


def test_a_table_with_faults_gives_two_outputs(capsys: pytest.CaptureFixture[str]) -> None:
    scores = run("clean_csv")
    assert scores["price"] > 0.8
    assert scores["grade"] > 0.8
    assert "row 12, column 'hours'" in capsys.readouterr().out


def test_a_home_is_understood_with_a_sensor_gone() -> None:
    whole, without = run("smart_home")
    assert whole > 0.85
    assert without > 0.6


def test_words_find_pictures_and_names_tell_shapes() -> None:
    scores = run("words_find_pictures", 120, 20)
    assert scores["words"] > 0.8
    assert scores["names"] > 0.8
