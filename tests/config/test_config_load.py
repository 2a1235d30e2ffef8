"""Plans read from TOML: the objects they make, and every fault of them at once."""

from pathlib import Path

import pytest

from sensorium.config import Config, load_plan, parse_plan
from sensorium.core.errors import PlanError
from sensorium.core.schema import Image, Number, Text
from sensorium.encoders import ResNet
from sensorium.fusion import Concat
from sensorium.tasks import Align, Classify, Regress, Several
from sensorium.train import Plan

WHOLE = """
[table]
source = "rows.csv"
target = "mood"
inputs = ["photo", "other photo", "review"]
kinds = {price = "number"}
group = "shop"
damaged = "skip"
quality = "good"

[fields.photo]
kind = "Image"
size = 32

[fields.review]
kind = "text"
lowercase = true
stop_words = ["the", "a"]

[encoders]
"other photo" = "photo"

[encoders.photo]
part = "ResNet"
width = 32

[fusion]
part = "Concat"
width = 32
dropout = 0

[task]
part = "Classify"
target = "mood"
class_weights = {glad = 1, cross = 2.5}

[plan]
epochs = 3
rate = 0.01
augment = ["flip"]
seed = 7
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "plan.toml"
    file.write_text(text, encoding="utf-8")
    return file


def faults_of(folder: Path, text: str) -> list[str]:
    """Read a faulty plan; gives the lines below the title."""
    with pytest.raises(PlanError) as caught:
        load_plan(write(folder, text))
    title, *lines = str(caught.value).splitlines()
    count = "1 fault" if len(lines) == 1 else f"{len(lines)} faults"
    assert title == f"plan.toml has {count}:"
    return [line.removeprefix("  - ") for line in lines]


def test_a_whole_plan_becomes_the_objects_of_the_python_api(tmp_path: Path) -> None:
    config = load_plan(write(tmp_path, WHOLE.replace("kinds = {price", "kinds = {extra")))
    assert config.table.targets == ("mood",)
    assert config.fields["photo"] == Image(size=32)
    assert config.fields["review"] == Text(lowercase=True, stop_words=("the", "a"))
    assert isinstance(config.encoders["photo"], ResNet)
    assert config.encoders["other photo"] is config.encoders["photo"]
    assert isinstance(config.fusion, Concat)
    assert isinstance(config.task, Classify)
    assert config.task.class_weights == {"glad": 1, "cross": 2.5}
    assert config.plan == Plan(epochs=3, rate=0.01, augment=("flip",), seed=7)


def test_its_keywords_are_those_of_fit(tmp_path: Path) -> None:
    keywords = load_plan(write(tmp_path, WHOLE)).keywords()
    assert keywords["source"] == tmp_path / "rows.csv"
    assert keywords["kinds"]["price"] == Number()
    assert keywords["inputs"] == ("photo", "other photo", "review")
    assert keywords["group"] == "shop"
    assert keywords["damaged"] == "skip"
    assert keywords["quality"] == "good"
    assert keywords["seed"] == 7
    assert "valid" not in keywords


def test_the_least_plan_leaves_all_choices_open(tmp_path: Path) -> None:
    config = load_plan(write(tmp_path, '[table]\nsource = "t.csv"\ntarget = "y"\n'))
    assert config == Config(config.table, folder=tmp_path)
    assert config.keywords()["inputs"] is None


def test_a_teacher_of_aligned_columns_is_named_in_a_table(tmp_path: Path) -> None:
    text = """
    [table]
    source = "t.csv"
    [task]
    part = "Align"
    columns = ["photo", "review"]
    teacher = {photo = "photo.taught", review = "review.taught"}
    """
    task = load_plan(write(tmp_path, text)).task
    assert isinstance(task, Align)
    assert task.teacher == {"photo": "photo.taught", "review": "review.taught"}


def test_several_tasks_are_an_array(tmp_path: Path) -> None:
    text = """
    table = {source = "t.csv"}
    [task]
    part = "Several"
    tasks = [{part = "Classify", target = "a"}, {part = "Regress", targets = ["b"]}]
    """
    task = load_plan(write(tmp_path, text)).task
    assert isinstance(task, Several)
    assert isinstance(task.tasks[1], Regress)
    assert task.targets == ("a", "b")


class Mine(Concat):
    """A fusion of the user's own."""


def test_the_users_own_parts_can_be_named() -> None:
    content = {"table": {"source": "t"}, "fusion": {"part": "Mine", "width": 8}}
    assert isinstance(parse_plan(content, parts={"Mine": Mine}).fusion, Mine)
    with pytest.raises(PlanError, match="no fusion is called 'Mine'"):
        parse_plan(content)


def test_every_fault_comes_at_once(tmp_path: Path) -> None:
    text = """
    [tabel]
    [table]
    target = 3
    inputs = ["photo", "review"]
    kinds = {price = "nummer"}
    damaged = "ignore"
    [fields.photo]
    size = 64
    [fields.review]
    kind = "tekst"
    [encoders.photo]
    part = "ResNett"
    [encoders.review]
    part = "ResNet"
    width = "wide"
    [fusion]
    part = "Concat"
    width = 8
    hiden = 3
    [task]
    part = "Classify"
    label_smoothing = 2
    target = "mood"
    [plan]
    epochs = 0
    optimizer = "adam"
    optimiser = "adagrad"
    rate = "fast"
    """
    assert faults_of(tmp_path, text) == [
        "[tabel]: no such section (did you mean 'table'?)",
        "[table] target: expected a text or a list of a text, found 3",
        "[table] damaged: expected one of 'absent', 'skip', 'error', found 'ignore'",
        "[table] source: missing; expected a text",
        (
            "[fields.photo] kind: missing; expected one of 'text', 'image', 'audio', 'number', "
            "'category', 'flag', 'date', 'series', 'vector', 'spans'"
        ),
        "[fields.review] kind: no field is called 'tekst' (did you mean 'text'?)",
        "[encoders.photo] part: no encoder is called 'ResNett' (did you mean 'ResNet'?)",
        "[encoders.review] width: expected a whole number, found 'wide'",
        "[fusion] hiden: no such key (did you mean 'hidden'?)",
        "[task] label_smoothing: must lie in 0..1, found 2",
        "[plan] optimizer: no such key (did you mean 'optimiser'?)",
        (
            "[plan] optimiser: expected one of 'adamw', 'adam', 'sgd', 'momentum', 'nesterov', "
            "found 'adagrad'"
        ),
        "[plan] rate: expected a number, found 'fast'",
        "[plan] epochs: lies between 1 and 1e+06, found 0",
    ]


TABLE = '[table]\nsource = "t.csv"\ntarget = "mood"\n'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            TABLE + 'inputs = ["mood"]',
            "[table] inputs: 'mood' is a target too",
        ),
        (
            TABLE + 'kinds = {a = "nummer"}',
            "[table] kinds.a: no kind is called 'nummer' (did you mean 'number'?)",
        ),
        (
            TABLE + 'kinds = {a = "image"}\n[fields.a]\nkind = "image"',
            "[table] kinds.a: the column has a section [fields.a] too; keep one",
        ),
        (
            TABLE + 'inputs = ["photo"]\n[fields.foto]\nkind = "image"',
            "[fields.foto]: no such column (did you mean 'photo'?)",
        ),
        (
            TABLE + 'inputs = ["photo"]\n[encoders.mood]\npart = "Categories"\nwidth = 8',
            "[encoders.mood]: no such column (known: 'photo')",
        ),
        (
            TABLE + '[task]\npart = "Classify"\ntarget = "tone"',
            "[table] target: expected tone, as the task has it, found mood",
        ),
        (
            TABLE + 'kinds = {a = "text"}\n[encoders.a]\npart = "ResNet"\nwidth = 8',
            "[encoders.a] part: ResNet reads image, the column is text",
        ),
        (
            TABLE
            + '[encoders.a]\npart = "ResNet"\nwidth = 8\n[fusion]\npart = "Concat"\nwidth = 16',
            "[fusion] width: expected one width for all parts, found encoders.a 8, fusion 16",
        ),
        (
            TABLE + '[encoders]\na = "b"',
            "[encoders] a: no encoder of 'b' to share",
        ),
        (
            TABLE + "[encoders]\na = 3",
            "[encoders.a]: expected a table with part = NAME, found 3",
        ),
        ("plan = 3\n" + TABLE, "[plan]: expected a section, found 3"),
    ],
)
def test_parts_that_do_not_fit_together_are_named(tmp_path: Path, text: str, fault: str) -> None:
    assert faults_of(tmp_path, text) == [fault]


def test_what_is_no_plan_says_why(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"there is no plan .*nothing\.toml"):
        load_plan(tmp_path / "nothing.toml")
    with pytest.raises(PlanError, match=r"cannot be read as a plan: .*line 1"):
        load_plan(write(tmp_path, "table = {\n"))
    file = tmp_path / "latin.toml"
    file.write_bytes('[table]\nsource = "größe.csv"'.encode("latin-1"))
    with pytest.raises(PlanError, match="cannot be read as a plan"):
        load_plan(file)
