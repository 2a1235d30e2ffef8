"""Plans written as TOML: what is read back is what was written."""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sensorium
from sensorium.config import Config, Source, load_plan, parse_plan, plan_of, write_plan
from sensorium.core.describe import describe
from sensorium.core.errors import PlanError
from sensorium.core.schema import FIELDS, Image, Text
from sensorium.encoders import ResNet
from sensorium.fusion import Concat
from sensorium.tasks import Classify, Regress, Several
from sensorium.train import Plan


def described(config: Config) -> dict[str, object]:
    """Give a plan as data, to compare two."""
    return {
        "table": config.table,
        "fields": dict(config.fields),
        "encoders": {name: describe(part) for name, part in config.encoders.items()},
        "shared": [
            [a, b] for a, x in config.encoders.items() for b, y in config.encoders.items() if x is y
        ],
        "fusion": describe(config.fusion) if config.fusion else None,
        "task": describe(config.task) if config.task else None,
        "plan": config.plan,
    }


def whole() -> Config:
    photo = ResNet(width=16)
    return Config(
        Source("rows.csv", target=("mood", "price"), inputs=("a photo", "right"), group="shop"),
        fields={"a photo": Image(size=32), "right": Image(size=32, channels=1)},
        encoders={"a photo": photo, "right": photo},
        fusion=Concat(width=16),
        task=Several(Classify("mood", class_weights={"sehr gut": 2.0}), Regress("price")),
        plan=Plan(rate=1e-5, augment=("flip",), minutes=2.5),
    )


def test_a_plan_that_was_written_is_read_back_the_same() -> None:
    config = whole()
    again = parse_plan(tomllib.loads(write_plan(config)))
    assert described(again) == described(config)


def test_writing_is_stable() -> None:
    text = write_plan(whole())
    assert write_plan(parse_plan(tomllib.loads(text))) == text


def test_the_text_is_what_a_person_would_write() -> None:
    text = write_plan(whole())
    assert text.startswith(
        '[table]\nsource = "rows.csv"\ntarget = ["mood", "price"]\n'
        'inputs = ["a photo", "right"]\ngroup = "shop"\n'
    )
    assert '[fields."a photo"]\nkind = "image"\nsize = 32\n' in text
    assert '[encoders]\nright = "a photo"\n' in text
    assert 'tasks = [{part = "Classify", target = "mood"' in text
    assert "rate = 1e-05\n" in text
    assert "None" not in text


@pytest.mark.parametrize("kind", FIELDS.values(), ids=FIELDS)
def test_every_kind_of_field_comes_back(kind: type) -> None:
    config = Config(Source("t.csv", target="y"), fields={"x": kind()})
    assert parse_plan(tomllib.loads(write_plan(config))).fields == {"x": kind()}


@pytest.mark.parametrize("word", ['a "b" \\ c', "zwei\nZeilen\t", "情感", "\x7f\x00", "😀", ""])
def test_every_text_comes_back(word: str) -> None:
    config = Config(Source("t.csv", target="y"), fields={f"x{word}": Text(stop_words=(word,))})
    assert parse_plan(tomllib.loads(write_plan(config))).fields == config.fields


class Open(Concat):
    """A fusion with a keyword that may be None though its default is not."""

    def __init__(self, width: int, most: int | None = 3) -> None:
        super().__init__(width)
        self.most = most


def test_what_toml_cannot_say_is_refused() -> None:
    source = Source("t.csv", target="y")
    assert "most = 3" in write_plan(Config(source, fusion=Open(8)))
    with pytest.raises(PlanError, match=r"Open\.most is None, which TOML cannot say"):
        write_plan(Config(source, fusion=Open(8, most=None)))


def test_a_file_that_was_written_can_be_loaded(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(write_plan(whole()), encoding="utf-8")
    assert load_plan(file).keywords()["source"] == tmp_path / "rows.csv"


def test_the_plan_of_a_run_gives_the_same_run_again(mixed: Any, tmp_path: Path) -> None:
    inputs, plan = ["review", "price", "shop"], Plan(epochs=2, precision="fp32")
    first = sensorium.fit(
        mixed.csv, "mood", inputs=inputs, plan=plan, out=tmp_path / "first", quiet=True
    )
    file = tmp_path / "again.toml"
    file.write_text(write_plan(plan_of(tmp_path / "first")), encoding="utf-8")
    config = load_plan(file)
    assert config.plan == plan
    assert list(config.encoders) == inputs
    again = sensorium.fit(**config.keywords(), out=None, quiet=True)
    rows = [dict(row) for row in mixed.rows[:5]]
    assert again.model.describe() == first.model.describe()
    np.testing.assert_array_equal(
        again.model.predict_proba(*rows), first.model.predict_proba(*rows)
    )


def test_the_plan_of_a_run_keeps_how_the_rows_were_split(mixed: Any, tmp_path: Path) -> None:
    sensorium.fit(
        mixed.csv, "mood", inputs=["price"], time="day", split="", epochs=1, out=tmp_path / "run",
        quiet=True,
    )  # fmt: skip
    table = plan_of(tmp_path / "run").table
    assert (table.split, table.group, table.time) == ("", None, "day")


def test_the_plan_of_a_run_of_few_groups_spares_no_rows_either(tmp_path: Path) -> None:
    file, again = tmp_path / "rows.csv", tmp_path / "again.toml"
    lines = [f"{n % 7},p{n % 6},{'ab'[n % 2]}" for n in range(60)]
    file.write_text("\n".join(["x,who,y", *lines]))
    first = sensorium.fit(
        file, "y", group="who", inputs=["x"], epochs=1, out=tmp_path / "first", quiet=True
    )
    again.write_text(write_plan(plan_of(tmp_path / "first")), encoding="utf-8")
    keywords = load_plan(again).keywords()
    assert keywords["valid"] == ""
    second = sensorium.fit(**keywords, out=tmp_path / "second", quiet=True)
    for run in (first, second):
        assert run.folder is not None
        assert "few groups: none is spared" in (run.folder / "report.md").read_text()
        with np.load(run.folder / "rows.npz") as rows:
            assert [len(rows[part]) for part in ("train", "valid", "test")] == [50, 0, 10]
    # Precision is chosen by its speed, which may differ between the two.
    assert second.history[0]["loss"] == pytest.approx(first.history[0]["loss"], rel=0.02)


def test_a_run_of_a_table_in_memory_has_no_plan(mixed: Any, tmp_path: Path) -> None:
    rows = [{"price": row["price"], "mood": row["mood"]} for row in mixed.rows]
    sensorium.fit(rows, "mood", epochs=1, out=tmp_path / "run", quiet=True)
    with pytest.raises(PlanError, match="made from a table in memory"):
        plan_of(tmp_path / "run")
