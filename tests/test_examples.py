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


def test_commands_are_understood_or_refused() -> None:
    scores = run("voice_command", 400, 10)
    assert scores["in scope"] > 0.9
    assert scores["out of scope"] > 0.8
    assert scores["slots"] > 0.9


def test_keywords_come_from_the_text_and_from_the_picture() -> None:
    scores = run("keywords", 180, 12)
    assert scores["fusion"] > max(scores["photo alone"], scores["line alone"])
    assert scores["fusion"] > 0.65


def test_pictures_are_described(capsys: pytest.CaptureFixture[str]) -> None:
    scores = run("captioner", 240, 14)
    assert scores["cider_d"] > 2.5
    assert scores["right"] > 0.4
    assert capsys.readouterr().out.strip()


def test_questions_about_pictures_are_answered_closed_and_written() -> None:
    scores = run("visual_questions", 240, 16)
    assert scores["closed"] > 0.8
    assert scores["written"] > 0.7


def test_words_are_heard_with_their_times() -> None:
    scores = run("speech_recogniser", 120, 12)
    assert scores["wer"] < 0.2
    assert scores["words heard"] >= 11
